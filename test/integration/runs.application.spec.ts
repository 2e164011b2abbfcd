import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { register, Registry } from 'prom-client';
import { DataSource, type MigrationInterface } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  instrumentMigrations,
  type InstrumentMigrationsOptions,
  PrometheusMigrationsModule,
} from '../../lib';
import { startApplication } from '../support/applications';
import { samples } from '../support/exposition';
import { defineMigrations } from '../support/migrations';
import { beginLog, beginRuns, endRuns, log, registry } from '../support/runs';

beforeEach(beginRuns);
afterEach(endRuns);

describe('instrumented DataSources in an application', () => {
  const migrations = defineMigrations(2);

  function module(options: { name?: string } = {}, runs: InstrumentMigrationsOptions = {}) {
    return TypeOrmModule.forRootAsync({
      ...options,
      useFactory: () => ({ type: 'better-sqlite3', database: ':memory:', migrations, migrationsRun: true }),
      dataSourceFactory: async (given) => instrumentMigrations(new DataSource(given!), runs),
    });
  }
  const shown = (text: string) =>
    [...samples(text)]
      .filter(([series]) => /run_duration_seconds_count.*succeeded/.test(series))
      .map(([series, value]) => `${series} ${value}`);

  it('are on /metrics, at the first scrape, under the alias of the module', async () => {
    const { get } = await startApplication({
      imports: [
        module({ name: 'main' }),
        module({ name: 'analytics' }),
        PrometheusMigrationsModule.forRoot(),
      ],
    });

    // Runs of DataSources that are gone, those of other tests, stay in the default registry.
    const here = shown(await get()).filter((line) => /main|analytics/.test(line));
    expect(here).toEqual([
      'typeorm_migrations_run_duration_seconds_count{connection="main",outcome="succeeded"} 1',
      'typeorm_migrations_run_duration_seconds_count{connection="analytics",outcome="succeeded"} 1',
    ]);
  });

  it('of attempts that failed have the name of the one that succeeded', async () => {
    let attempts = 0;
    const [First, Second] = defineMigrations(2);
    class Fails extends (First as new () => MigrationInterface) {
      override async up() {
        attempts += 1;
        if (attempts === 1) throw new Error('not yet');
      }
    }
    Object.defineProperty(Fails, 'name', { value: First?.name });
    const { get } = await startApplication({
      imports: [
        TypeOrmModule.forRootAsync({
          name: 'retried',
          useFactory: () => ({
            type: 'better-sqlite3',
            database: ':memory:',
            migrations: [Fails, Second!],
            migrationsRun: true,
            retryDelay: 1,
          }),
          dataSourceFactory: async (given) => instrumentMigrations(new DataSource(given!)),
        }),
        PrometheusMigrationsModule.forRoot(),
      ],
    });

    const last = [...samples(await get()).keys()].filter((series) => /last_run.*retried/.test(series));
    expect(last.sort()).toEqual([
      'typeorm_migrations_last_run_timestamp_seconds{connection="retried",outcome="failed"}',
      'typeorm_migrations_last_run_timestamp_seconds{connection="retried",outcome="succeeded"}',
    ]);
  });

  it("follow the module's registry and names, and leave the default registry", async () => {
    const { get } = await startApplication({
      imports: [
        module({ name: 'followers' }),
        PrometheusMigrationsModule.forRoot({ registry, namespace: 'acme', prefix: 'db' }),
      ],
    });

    expect(shown(await get())).toEqual([
      'acme_db_migrations_run_duration_seconds_count{connection="followers",outcome="succeeded"} 1',
    ]);
    expect(shown(await register.metrics()).join()).not.toContain('followers');
  });

  it('keep what their own options say', async () => {
    const own = new Registry();
    const { get } = await startApplication({
      imports: [
        module({}, { connection: 'orders', prefix: 'shop' }),
        module({ name: 'elsewhere' }, { registry: own }),
        module({ name: 'same' }, { registry }),
        PrometheusMigrationsModule.forRoot({ registry }),
      ],
    });

    expect(shown(await get())).toEqual(
      expect.arrayContaining([
        'shop_migrations_run_duration_seconds_count{connection="orders",outcome="succeeded"} 1',
        'typeorm_migrations_run_duration_seconds_count{connection="same",outcome="succeeded"} 1',
      ]),
    );
    expect(shown(await get())).toHaveLength(2);
    expect(shown(await own.metrics())).toEqual([
      'typeorm_migrations_run_duration_seconds_count{connection="elsewhere",outcome="succeeded"} 1',
    ]);
  });

  it('are shown by each of two modules', async () => {
    const other = new Registry();
    await startApplication({
      imports: [
        module(),
        PrometheusMigrationsModule.forRoot({ registry }),
        PrometheusMigrationsModule.forRoot({ registry: other, path: '/other' }),
      ],
    });

    expect(shown(await registry.metrics())).toHaveLength(1);
    expect(shown(await other.metrics())).toEqual(shown(await registry.metrics()));
  });

  it('leave the registry with the module', async () => {
    const { app } = await startApplication({
      imports: [module(), PrometheusMigrationsModule.forRoot({ registry })],
    });
    await registry.metrics();
    await app.close();

    expect(registry.getMetricsAsArray()).toEqual([]);
  });

  it('show nothing in an application that does not export', async () => {
    const { get } = await startApplication({
      imports: [module(), PrometheusMigrationsModule.forRoot({ registry, exportMigrations: false })],
    });

    expect(await get()).not.toContain('migrations');
  });

  it('are known to the log by the alias of the module', async () => {
    const { app } = await startApplication({
      imports: [module({ name: 'analytics' }), PrometheusMigrationsModule.forRoot({ registry })],
    });
    beginLog();

    await app.get<DataSource>(getDataSourceToken('analytics')).runMigrations();

    expect(log()).toEqual(['log analytics: migrations run in T: nothing to apply']);
  });

  it('are not needed: without one there are no metrics of runs', async () => {
    const { get } = await startApplication({
      imports: [
        TypeOrmModule.forRoot({ type: 'better-sqlite3', database: ':memory:', migrations }),
        PrometheusMigrationsModule.forRoot({ registry }),
      ],
    });

    expect(await get()).not.toMatch(/_runs?_/);
  });
});
