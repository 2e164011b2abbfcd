import { TypeOrmModule } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { PrometheusMigrationsModule, type PrometheusMigrationsModuleOptions } from '../../lib';
import { closeApplications, startApplication } from '../support/applications';
import { closeDataSources } from '../support/data-sources';
import { samples } from '../support/exposition';
import { Fleet } from '../support/fleet';
import { DIALECTS, lockTable, migrate, migrations, waitingFor } from './faults';

/** ms that a scrape or a start may take beyond `timeout`. */
const MARGIN = 500;

afterEach(async () => {
  await closeApplications();
  await closeDataSources();
});

/** An application, and what its scrapes tell of every connection. */
async function start(options: PrometheusMigrationsModuleOptions, imports: unknown[] = []) {
  const startedAt = performance.now();
  const { get } = await startApplication({
    imports: [
      ...(imports as []),
      PrometheusMigrationsModule.forRoot({ registry: new Registry(), maxAge: 0, ...options }),
    ],
  });
  const startTook = performance.now() - startedAt;
  const scrape = async () => {
    const scrapedAt = performance.now();
    const metrics = [...samples(await get())];
    const applied = metrics.filter(([series]) => series.includes('_applied_total{'));
    const named = (series: string) => /connection="(.*?)"/.exec(series)?.[1];
    return {
      took: performance.now() - scrapedAt,
      failed: applied.filter(([, value]) => value === -1).map(([series]) => named(series)),
      read: applied.filter(([, value]) => value !== -1).map(([series]) => named(series)),
    };
  };
  return { startTook, scrape };
}

describe('more connections than fit into a scrape', () => {
  // In the proportion of 2 s each to a time-out of 3 s.
  const MS = 1000;
  const timeout = 1500;

  it('are all read in turns, and none is -1 from then on', { timeout: 60_000 }, async () => {
    const { dataSources } = await Fleet.open(100, MS);
    const { scrape } = await start({ dataSources, timeout, concurrency: 16 });

    // Seven turns of 16.
    const all = performance.now() + 7 * MS + 2 * timeout;
    for (let failed: unknown[] = ['all']; failed.length > 0;) {
      const seen = await scrape();
      failed = seen.failed;
      expect(seen.took).toBeLessThan(timeout + MARGIN);
      if (failed.length > 0) expect(performance.now()).toBeLessThan(all);
    }
    const until = performance.now() + 9 * MS;
    while (performance.now() < until) {
      const { failed, took } = await scrape();
      expect(failed).toEqual([]);
      expect(took).toBeLessThan(timeout + MARGIN);
    }
  });

  it('hold the start no longer than the time-out', async () => {
    const { dataSources } = await Fleet.open(100, 2000);
    const { startTook } = await start({ dataSources, timeout: 1000 });
    expect(startTook).toBeLessThan(1000 + MARGIN);
  });
});

describe('concurrency', () => {
  const timeout = 100;
  const concurrency = 2;

  it.each([
    ['quick', 10],
    ['slower than the time-out', 3 * timeout],
  ])('bounds the statements under way: %s', async (_name, ms) => {
    const fleet = await Fleet.open(20, ms);
    const { scrape } = await start({ dataSources: fleet.dataSources, timeout, concurrency });
    for (const until = performance.now() + 2000; performance.now() < until;) {
      expect((await scrape()).took).toBeLessThan(timeout + MARGIN);
    }
    expect(fleet.most).toBe(concurrency);
  });

  it('bounds them where all hang, however long, and everything is read once they answer', async () => {
    const fleet = await Fleet.open(6, 1);
    fleet.hang(...Object.keys(fleet.dataSources));
    const { scrape } = await start({ dataSources: fleet.dataSources, timeout, concurrency });
    // For so long that one is abandoned, and its successor as well.
    for (const until = performance.now() + 25 * timeout; performance.now() < until;) {
      expect((await scrape()).took).toBeLessThan(timeout + MARGIN);
    }
    expect(fleet.most).toBe(concurrency);
    fleet.answer();
    await expect.poll(async () => (await scrape()).failed, { timeout: 5000 }).toEqual([]);
    expect(fleet.most).toBe(concurrency);
  });

  it('keeps what it has read of the rest where as many hang', async () => {
    const fleet = await Fleet.open(6, 1);
    const { scrape } = await start({ dataSources: fleet.dataSources, timeout, concurrency });
    expect((await scrape()).failed).toEqual([]);
    fleet.hang('db_0', 'db_3');
    for (const until = performance.now() + 15 * timeout; performance.now() < until;) {
      const { failed, took } = await scrape();
      expect(['db_0', 'db_3']).toEqual(expect.arrayContaining(failed));
      expect(took).toBeLessThan(timeout + MARGIN);
    }
    expect(fleet.most).toBe(concurrency);
    fleet.answer();
    await expect.poll(async () => (await scrape()).failed, { timeout: 5000 }).toEqual([]);
  });
});

describe.each(DIALECTS)('many $name connections that hang', (dialect) => {
  const timeout = 200;
  const concurrency = 2;
  const HANGING = 10;

  it.skipIf(!dialect.available)(
    'leave the few healthy ones readable, and are read again when they answer',
    { timeout: 40_000 },
    async () => {
      const server = await dialect.create();
      await migrate(dialect, server);
      const { dataSources: healthy } = await Fleet.open(3, 1);
      const hanging = Array.from({ length: HANGING }, (_, index) => `hanging_${index}`);
      const imports = hanging.map((name) =>
        TypeOrmModule.forRoot({ name, type: dialect.type, url: server.url, migrations, poolSize: 3 }),
      );
      const unlock = await lockTable(dialect, server);
      let isLocked = true;
      try {
        const { scrape } = await start({ dataSources: healthy, timeout, concurrency }, imports);
        await scrape();
        // For so long that each is abandoned, and its successor as well.
        for (const until = performance.now() + 35 * timeout; performance.now() < until;) {
          const { read, took } = await scrape();
          expect(read).toEqual(Object.keys(healthy));
          expect(took).toBeLessThan(timeout + MARGIN);
        }
        await expect.poll(() => waitingFor(dialect, server)).toBeLessThanOrEqual(concurrency);
        await unlock();
        isLocked = false;
        await expect.poll(async () => (await scrape()).failed, { timeout: 12 * timeout + 5000 }).toEqual([]);
      } finally {
        if (isLocked) await unlock();
        await closeApplications();
        await server.drop();
      }
    },
  );
});
