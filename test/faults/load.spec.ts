import { setTimeout } from 'node:timers/promises';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PrometheusMigrationsModule, type PrometheusMigrationsModuleOptions } from '../../lib';
import { closeApplications, record, startApplication } from '../support/applications';
import { createPostgres, type TestDatabase } from '../support/databases';
import { closeDataSources, openDataSource } from '../support/data-sources';
import { samples } from '../support/exposition';
import { interceptStatements } from '../support/intercept';
import { defineMigrations } from '../support/migrations';
import { StatementLog } from '../support/statements';

const migrations = defineMigrations(45);

afterEach(async () => {
  await closeApplications();
  await closeDataSources();
});

describe('scrapers', () => {
  const maxAge = 200;
  let postgres: TestDatabase;

  beforeAll(async () => {
    postgres = await createPostgres();
    const dataSource = await new DataSource({ type: 'postgres', url: postgres.url, migrations }).initialize();
    await record(dataSource, 42);
    await dataSource.destroy();
  });
  afterAll(() => postgres.drop());

  it.each([
    ['one in a tight loop', 1],
    ['fifty at a time', 50],
  ])('cost one statement per connection and maxAge: %s', async (_who, scrapers) => {
    const logs = { default: new StatementLog(), second: new StatementLog() };
    const { get } = await startApplication({
      imports: [
        ...Object.entries(logs).map(([name, logger]) =>
          TypeOrmModule.forRoot({
            name,
            type: 'postgres',
            url: postgres.url,
            migrations,
            logger,
            logging: true,
          }),
        ),
        PrometheusMigrationsModule.forRoot({ registry: new Registry(), maxAge }),
      ],
    });
    for (const log of Object.values(logs)) log.take();

    let scrapes = 0;
    const wrong = new Set<string>();
    const startedAt = performance.now();
    const scraper = async () => {
      // The second condition is for a machine that is busy: each scraper has to have come back.
      while (performance.now() - startedAt < 6 * maxAge || scrapes <= 2 * scrapers) {
        const text = await get();
        scrapes += 1;
        for (const connection of Object.keys(logs)) {
          const series = `typeorm_migrations_applied_total{connection="${connection}"}`;
          if (samples(text).get(series) !== 42) wrong.add(text);
        }
      }
    };
    await Promise.all(Array.from({ length: scrapers }, scraper));
    const elapsed = performance.now() - startedAt;

    expect([...wrong]).toEqual([]);
    for (const log of Object.values(logs)) {
      const statements = log.take();
      expect(new Set(statements)).toEqual(
        new Set(['SELECT json_agg("name")::text AS "names" FROM "public"."migrations"']),
      );
      expect(statements.length).toBeGreaterThan(1);
      expect(statements.length).toBeLessThanOrEqual(Math.ceil(elapsed / maxAge) + 1);
    }
  });
});

describe('200 DataSources', () => {
  const COUNT = 200;
  const MARGIN = 250;

  /** DataSources whose queries take some ms, and how many of those are under way. */
  async function open(ms: number) {
    const dataSources: Record<string, DataSource> = {};
    const queries = { now: 0, most: 0, hung: 0, lastAnswerAt: 0 };
    const hanging = new Set<DataSource>();
    for (let index = 0; index < COUNT; index += 1) {
      const { dataSource } = await openDataSource({
        type: 'better-sqlite3',
        database: ':memory:',
        migrations: migrations.slice(0, 3),
      });
      interceptStatements(dataSource, async (send) => {
        if (hanging.has(dataSource)) {
          queries.hung += 1;
          return new Promise(() => {});
        }
        queries.now += 1;
        queries.most = Math.max(queries.most, queries.now);
        await setTimeout(ms);
        queries.now -= 1;
        queries.lastAnswerAt = performance.now();
        return send();
      });
      dataSources[`db_${index}`] = dataSource;
    }
    return { dataSources, queries, hanging };
  }

  async function start(options: PrometheusMigrationsModuleOptions) {
    const { get } = await startApplication({
      imports: [PrometheusMigrationsModule.forRoot({ registry: new Registry(), maxAge: 0, ...options })],
    });
    return async () => {
      const startedAt = performance.now();
      const text = await get();
      const took = performance.now() - startedAt;
      const success = [...samples(text)].filter(([series]) => series.includes('_collection_success{'));
      return {
        startedAt,
        took,
        read: success.filter(([, value]) => value === 1).length,
        failed: success.filter(([, value]) => value === 0).map(([series]) => /"(.*)"/.exec(series)?.[1]),
      };
    };
  }

  it.each([
    [1, 10],
    [16, 10],
    // All begin within some ms, and long before the first is answered.
    [200, 200],
  ])('are read %i at a time', async (concurrency, ms) => {
    const { dataSources, queries } = await open(ms);
    // Long enough for all to be read one after the other, each within its share of the time.
    const scrape = await start({ dataSources, concurrency, timeout: 60_000 });
    expect(queries.most).toBe(concurrency);
    queries.most = 0;
    expect(await scrape()).toMatchObject({ read: COUNT, failed: [] });
    expect(queries.most).toBe(concurrency);
  });

  it.each([1, 16])('of which one hangs: the rest are read as ever, %i at a time', async (concurrency) => {
    const timeout = 2000;
    const { dataSources, queries, hanging } = await open(1);
    const scrape = await start({ dataSources, concurrency, timeout });
    expect(await scrape()).toMatchObject({ read: COUNT, failed: [] });

    hanging.add(dataSources['db_0'] as DataSource);
    const first = await scrape();
    expect(first).toMatchObject({ read: COUNT - 1, failed: ['db_0'] });
    expect(first.took).toBeLessThan(timeout + MARGIN);
    // The rest did not wait for it: they were read long before it timed out.
    expect(queries.lastAnswerAt - first.startedAt).toBeLessThan(timeout / 2);

    const second = await scrape();
    expect(second).toMatchObject({ read: COUNT - 1, failed: ['db_0'] });
    expect(second.took).toBeLessThan(timeout / 2);
    expect(queries.hung).toBe(1);
  });
});
