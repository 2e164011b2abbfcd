import { TypeOrmModule } from '@nestjs/typeorm';
import { afterAll, describe, it } from 'vitest';
import { closeDataSources } from '../support/data-sources';
import { Fleet } from '../support/fleet';
import { DIALECTS, lockTable, migrate, migrations, waitingFor } from './faults';
import { startScraped } from './scraped-application';

/** ms that a scrape may take beyond `timeout`. */
const MARGIN = 500;

afterAll(closeDataSources);

// At the same time: each waits for time-outs, and closes what it has started.
describe.concurrent.each(DIALECTS)('many $name connections that hang', (dialect) => {
  const timeout = 200;
  const concurrency = 2;
  const HANGING = 10;

  it.skipIf(!dialect.available)(
    'leave the few healthy ones readable, and are read again when they answer',
    { timeout: 40_000 },
    async ({ expect }) => {
      const server = await dialect.create();
      await migrate(dialect, server);
      const { dataSources: healthy } = await Fleet.open(3, 1);
      const hanging = Array.from({ length: HANGING }, (_, index) => `hanging_${index}`);
      const imports = hanging.map((name) =>
        TypeOrmModule.forRoot({ name, type: dialect.type, url: server.url, migrations, poolSize: 3 }),
      );
      const unlock = await lockTable(dialect, server);
      let isLocked = true;
      const { app, scrape } = await startScraped({ dataSources: healthy, timeout, concurrency }, imports);
      try {
        await scrape();
        // For so long that each is abandoned, and its successor as well.
        for (const until = performance.now() + 35 * timeout; performance.now() < until;) {
          const { read, took } = await scrape();
          expect(read).toEqual(Object.keys(healthy));
          expect(took).toBeLessThan(timeout + MARGIN);
        }
        await expect
          .poll(() => waitingFor(dialect, server), { timeout: 10_000 })
          .toBeLessThanOrEqual(concurrency);
        await unlock();
        isLocked = false;
        await expect.poll(async () => (await scrape()).failed, { timeout: 12 * timeout + 5000 }).toEqual([]);
      } finally {
        if (isLocked) await unlock();
        await app.close();
        await server.drop();
      }
    },
  );
});
