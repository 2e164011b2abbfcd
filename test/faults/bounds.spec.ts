import { afterEach, describe, expect, it } from 'vitest';
import { closeApplications } from '../support/applications';
import { closeDataSources } from '../support/data-sources';
import { Fleet } from '../support/fleet';
import { startScraped } from './scraped-application';

/** ms that a scrape or a start may take beyond `timeout`. */
const MARGIN = 500;

afterEach(async () => {
  await closeApplications();
  await closeDataSources();
});

describe('more connections than fit into a scrape', () => {
  // In the proportion of 2 s each to a time-out of 3 s.
  const MS = 500;
  const timeout = 750;

  it('are all read in turns, and none is -1 from then on', { timeout: 60_000 }, async () => {
    const { dataSources } = await Fleet.open(100, MS);
    const { scrape } = await startScraped({ dataSources, timeout, concurrency: 16 });

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
    const { startTook } = await startScraped({ dataSources, timeout: 1000 });
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
    const { scrape } = await startScraped({ dataSources: fleet.dataSources, timeout, concurrency });
    for (const until = performance.now() + 2000; performance.now() < until;) {
      expect((await scrape()).took).toBeLessThan(timeout + MARGIN);
    }
    expect(fleet.most).toBe(concurrency);
  });

  it('bounds them where all hang, however long, and everything is read once they answer', async () => {
    const fleet = await Fleet.open(6, 1);
    fleet.hang(...Object.keys(fleet.dataSources));
    const { scrape } = await startScraped({ dataSources: fleet.dataSources, timeout, concurrency });
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
    const { scrape } = await startScraped({ dataSources: fleet.dataSources, timeout, concurrency });
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
