import { Logger } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AggregatorRegistry, Counter, register, Registry } from 'prom-client';
import { DataSource, type DataSourceOptions, type MigrationInterface, type QueryRunner } from 'typeorm';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import {
  instrumentMigrations,
  type InstrumentMigrationsOptions,
  InvalidOptionError,
  METRIC_NAMES,
  metricNames,
  MigrationsExporter,
  NotADataSourceError,
  PrometheusMigrationsModule,
  RegistryInUseError,
} from '../../lib';
import { RunSource } from '../../lib/prometheus/run-source';
import { type RecordedRuns, recordedOf } from '../../lib/runs/recorded-runs';
import { closeApplications, startApplication } from '../support/applications';
import { createPostgres, type TestDatabase } from '../support/databases';
import { samples } from '../support/exposition';
import { RecordingLogger } from '../support/logs';
import { defineMigration, defineMigrations } from '../support/migrations';
import { loadSecondTypeorm } from '../support/second-typeorm';

let logger: RecordingLogger;
let registry: Registry;
const opened: DataSource[] = [];

beforeEach(() => {
  Logger.overrideLogger((logger = new RecordingLogger()));
  registry = new Registry();
});
afterEach(async () => {
  await closeApplications();
  Logger.overrideLogger(undefined as never);
  for (const dataSource of opened.splice(0)) if (dataSource.isInitialized) await dataSource.destroy();
  register.clear();
});

/** Instrumented with the test's own registry, and not initialized. */
function create(
  options: Partial<DataSourceOptions> = {},
  runs: InstrumentMigrationsOptions = { registry },
): DataSource {
  const dataSource = new DataSource({
    type: 'better-sqlite3',
    database: ':memory:',
    migrations: defineMigrations(2),
    ...options,
  } as DataSourceOptions);
  opened.push(dataSource);
  return instrumentMigrations(dataSource, runs);
}

/** A migration that runs a statement. */
function statement(name: string, sql: string) {
  return class implements MigrationInterface {
    name = name;
    async up(queryRunner: QueryRunner): Promise<void> {
      await queryRunner.query(sql);
    }
    async down(): Promise<void> {}
  };
}

/** What the run metrics say, without buckets. */
async function figures(of: Registry = registry, prefix = 'typeorm'): Promise<Record<string, number>> {
  const all = samples(await of.metrics());
  return Object.fromEntries(
    [...all]
      .filter(
        ([series]) => series.startsWith(prefix) && /_runs?_/.test(series) && !series.includes('_bucket'),
      )
      .map(([series, value]) => [series.slice(`${prefix}_migrations_`.length), value]),
  );
}
const count = (outcome: string, connection = 'default') =>
  `run_duration_seconds_count{connection="${connection}",outcome="${outcome}"}`;
const last = (outcome: string, connection = 'default') =>
  `last_run_timestamp_seconds{connection="${connection}",outcome="${outcome}"}`;
const inProgress = (connection = 'default') => `runs_in_progress{connection="${connection}"}`;
/** The log, with every time as `T`. */
const log = () => logger.lines.map((line) => line.replace(/\d+\.\d{3} s/, 'T'));

describe('instrumentMigrations', () => {
  it('returns the same object, and shows zeros until something runs', async () => {
    const dataSource = new DataSource({ type: 'better-sqlite3', database: ':memory:' });

    expect(instrumentMigrations(dataSource, { registry })).toBe(dataSource);
    expect(await figures()).toEqual({
      [count('succeeded')]: 0,
      [count('failed')]: 0,
      'run_duration_seconds_sum{connection="default",outcome="succeeded"}': 0,
      'run_duration_seconds_sum{connection="default",outcome="failed"}': 0,
      [inProgress()]: 0,
    });
  });

  it('times a run, and gives the result of TypeORM', async () => {
    const dataSource = await create().initialize();
    const before = Date.now() / 1000;

    const result = await dataSource.runMigrations({ transaction: 'each' });

    expect(result.map(({ name }) => name)).toEqual(['Step1700000000000', 'Step1700000000001']);
    const now = await figures();
    expect(now).toMatchObject({ [count('succeeded')]: 1, [count('failed')]: 0, [inProgress()]: 0 });
    expect(now[last('succeeded')]).toBeGreaterThanOrEqual(before);
    expect(now[last('succeeded')]).toBeLessThanOrEqual(Date.now() / 1000);
    expect(now).not.toHaveProperty([last('failed')]);
    expect(log()).toEqual([
      'log default: Step1700000000000 ran in T',
      'log default: Step1700000000001 ran in T',
      'log default: migrations run in T: 2 applied',
    ]);
  });

  it('puts a run into the bucket of its time, from 0.1 s to an hour', async () => {
    await (await create().initialize()).runMigrations();

    const buckets = [...samples(await registry.metrics())]
      .filter(([series]) => series.includes('_bucket') && series.includes('succeeded'))
      .map(([series, value]) => [/le="([^"]+)"/.exec(series)?.[1], value]);
    expect(buckets[0]).toEqual(['0.1', 1]);
    expect(buckets.at(-2)).toEqual(['3600', 1]);
    expect(buckets.at(-1)).toEqual(['+Inf', 1]);
  });

  it.each(['runMigrations', 'undoLastMigration'] as const)(
    'passes on `this`, the arguments and the result of %s()',
    async (method) => {
      const dataSource = new DataSource({ type: 'better-sqlite3', database: ':memory:' });
      const given: unknown[] = [];
      const result = {};
      dataSource[method] = async function (...parameters: unknown[]) {
        given.push(this, ...parameters);
        return result as never;
      };
      const options = { transaction: 'none' } as const;

      expect(await instrumentMigrations(dataSource, { registry })[method](options)).toBe(result);
      expect(given).toEqual([dataSource, options]);
    },
  );

  it('times the run of migrationsRun', async () => {
    await create({ migrationsRun: true }).initialize();

    expect(await figures()).toMatchObject({ [count('succeeded')]: 1 });
    expect(log().at(-1)).toBe('log default: migrations run in T: 2 applied');
  });

  it('says that the run of migrationsRun was missed when it is called too late', async () => {
    const dataSource = new DataSource({
      type: 'better-sqlite3',
      database: ':memory:',
      migrations: defineMigrations(1),
      migrationsRun: true,
    });
    opened.push(await dataSource.initialize());

    instrumentMigrations(dataSource, { registry });

    expect(logger.lines).toEqual([
      'warn instrumentMigrations() was called after initialize(): the run of `migrationsRun: true` was not timed. ' +
        'Call it before; with TypeOrmModule.forRootAsync, in dataSourceFactory.',
    ]);
  });

  it('times a revert', async () => {
    const dataSource = await create({ migrationsRun: true }).initialize();
    logger.lines.length = 0;

    await dataSource.undoLastMigration();
    await dataSource.undoLastMigration();
    await dataSource.undoLastMigration();

    expect(await figures()).toMatchObject({ [count('succeeded')]: 4 });
    expect(log()).toEqual([
      'log default: Step1700000000001 was reverted in T',
      'log default: migrations run in T: 1 reverted',
      'log default: Step1700000000000 was reverted in T',
      'log default: migrations run in T: 1 reverted',
      'log default: migrations run in T: nothing to revert',
    ]);
  });

  it('takes a run that has nothing to apply for one that succeeded', async () => {
    await create({ migrations: [], migrationsRun: true }).initialize();

    const now = await figures();
    expect(now).toMatchObject({ [count('succeeded')]: 1 });
    expect(now[last('succeeded')]).toBeGreaterThan(0);
    expect(log()).toEqual(['log default: migrations run in T: nothing to apply']);
  });

  it('says that a fake run ran none', async () => {
    const dataSource = await create().initialize();

    await dataSource.runMigrations({ fake: true });

    expect(log()).toEqual(['log default: migrations run in T: recorded without running them (fake)']);
  });

  it('has a line for a migration that cannot be timed', async () => {
    const dataSource = await create().initialize();
    for (const migration of dataSource.migrations) Object.freeze(migration);

    await dataSource.runMigrations();

    expect(log()).toEqual([
      'log default: Step1700000000000 ran',
      'log default: Step1700000000001 ran',
      'log default: migrations run in T: 2 applied',
    ]);
  });

  it('throws what TypeORM throws, before there is a connection as well', async () => {
    const plain = new DataSource({ type: 'better-sqlite3', database: ':memory:' });
    const expected = await plain.runMigrations().catch((error: Error) => error);

    await expect(create().runMigrations()).rejects.toEqual(expected);

    expect(await figures()).toMatchObject({ [count('failed')]: 1, [count('succeeded')]: 0 });
  });

  it('counts runs that overlap', async () => {
    const release: (() => void)[] = [];
    const waiting = class implements MigrationInterface {
      name = 'Waiting1700000000000';
      up = () => new Promise<void>((resolve) => release.push(resolve));
      async down(): Promise<void> {}
    };
    const one = await create({ migrations: [waiting] }).initialize();
    const other = await create({ migrations: [waiting] }).initialize();
    const runs = [one.runMigrations(), other.runMigrations()];

    await vi.waitFor(() => expect(release).toHaveLength(2));
    expect(await figures()).toMatchObject({ [inProgress()]: 2, [count('succeeded')]: 0 });

    for (const each of release) each();
    await Promise.all(runs);
    expect(await figures()).toMatchObject({ [inProgress()]: 0, [count('succeeded')]: 2 });
  });

  it('counts a run once, however often it is called for a DataSource', async () => {
    const dataSource = create();
    instrumentMigrations(dataSource, { registry });
    await (await dataSource.initialize()).runMigrations();

    expect(await figures()).toMatchObject({ [count('succeeded')]: 1 });
    expect(log().filter((line) => line.includes('applied'))).toHaveLength(1);
  });

  it('takes the options of the last call, with the runs that there were', async () => {
    const dataSource = await create({ migrationsRun: true }).initialize();
    const other = new Registry();

    instrumentMigrations(dataSource, { registry: other, connection: 'orders' });

    expect(await figures()).toEqual({});
    expect(registry.getMetricsAsArray()).toEqual([]);
    expect(await figures(other)).toMatchObject({ [count('succeeded', 'orders')]: 1 });
  });

  it('tells connections apart on one registry', async () => {
    await create({ migrationsRun: true }, { registry, connection: 'orders' }).initialize();
    const users = await create({ migrationsRun: true }, { registry, connection: 'users' }).initialize();
    await users.runMigrations();

    expect(await figures()).toMatchObject({
      [count('succeeded', 'orders')]: 1,
      [count('succeeded', 'users')]: 2,
    });
  });

  it('shows the newest run of all DataSources of one connection', async () => {
    const one = await create({ migrationsRun: true }).initialize();
    await create({ migrationsRun: true }).initialize();
    const before = (await figures())[last('succeeded')]!;
    await vi.waitFor(() => expect(Date.now() / 1000).toBeGreaterThan(before));

    await one.runMigrations();

    expect((await figures())[last('succeeded')]).toBeGreaterThan(before);
  });

  it('has different names side by side', async () => {
    await create({ migrationsRun: true }, { registry, namespace: 'acme' }).initialize();
    await create({ migrations: [] }, { registry, prefix: 'shop' }).initialize();

    expect(await figures(registry, 'acme_typeorm')).toMatchObject({ [count('succeeded')]: 1 });
    expect(await figures(registry, 'shop')).toMatchObject({ [count('succeeded')]: 0 });
    expect(registry.getMetricsAsArray()).toHaveLength(6);
  });

  it('is back with all runs at the next one, if the registry was cleared', async () => {
    const dataSource = await create({ migrationsRun: true }).initialize();
    registry.clear();

    await dataSource.runMigrations();

    expect(await figures()).toMatchObject({ [count('succeeded')]: 2 });
  });

  it('adds up the runs of several workers, and shows the newest', async () => {
    const other = new Registry();
    await create({ migrationsRun: true }).initialize();
    const first = (await figures())[last('succeeded')];
    await create({ migrationsRun: true }, { registry: other }).initialize();
    const workers = [await other.getMetricsAsJSON(), await registry.getMetricsAsJSON()];

    const all = await figures(AggregatorRegistry.aggregate(workers));

    expect(all).toMatchObject({ [count('succeeded')]: 2, [count('failed')]: 0, [inProgress()]: 0 });
    expect(all[last('succeeded')]).toBe((await figures(other))[last('succeeded')]);
    expect(all[last('succeeded')]).toBeGreaterThanOrEqual(first!);
    expect(registry.getSingleMetric(METRIC_NAMES.runsInProgress)).toMatchObject({ aggregator: 'sum' });
  });

  it('loses no run to resetMetrics()', async () => {
    await create({ migrationsRun: true }).initialize();
    registry.resetMetrics();

    expect(await figures()).toMatchObject({ [count('succeeded')]: 1 });
  });

  it('still shows a run when the DataSource is closed and gone', async () => {
    await (await create({ migrationsRun: true }, {}).initialize()).destroy();

    expect((await figures(register))[count('succeeded')]).toBeGreaterThanOrEqual(1);
  });

  it('does not break a run when somebody else has taken the name', async () => {
    const dataSource = await create().initialize();
    registry.clear();
    new Counter({ name: METRIC_NAMES.runsInProgress, help: 'theirs', registers: [registry] });

    expect(await dataSource.runMigrations()).toHaveLength(2);
    expect(logger.lines[0]).toBe(
      'warn default: the metrics of migration runs could not be registered (RegistryInUseError). ' +
        'Set the option registry, prefix or namespace to another.',
    );
  });

  it('does not change what a reading reads, not even in the middle of a run', async () => {
    const dataSource = create();
    const exporter = new MigrationsExporter({ registry, dataSources: { default: dataSource } });
    const states: unknown[] = [];
    const read = async () => {
      const [reading] = await exporter.exportMigrations();
      states.push(reading?.status === 'read' ? reading.state.defined : reading);
    };
    await dataSource.initialize();
    const [first] = dataSource.migrations;
    first!.up = read;
    await read();
    await dataSource.runMigrations({ transaction: 'none' });
    await read();
    exporter.close();

    const defined = ['Step1700000000000', 'Step1700000000001'];
    expect(states).toEqual([defined, defined, defined]);
    // One list, which is made anew only when a migration has changed.
    expect(new Set(states).size).toBe(1);
    expect(Object.getOwnPropertyNames(dataSource.migrations[1])).toEqual([]);
  });

  it('works with a second copy of typeorm', async () => {
    const second = loadSecondTypeorm();
    const dataSource = new second.DataSource({
      type: 'better-sqlite3',
      database: ':memory:',
      migrations: defineMigrations(1),
      migrationsRun: true,
    });
    expect(dataSource).not.toBeInstanceOf(DataSource);
    opened.push(await instrumentMigrations(dataSource, { registry }).initialize());

    expect(await figures()).toMatchObject({ [count('succeeded')]: 1 });
  });

  it('refuses what is no DataSource, and options that cannot work', () => {
    const dataSource = new DataSource({ type: 'better-sqlite3', database: ':memory:' });
    const refusal = (options: object) => () => instrumentMigrations(dataSource, options);

    expect(() => instrumentMigrations({} as DataSource)).toThrow(NotADataSourceError);
    expect(refusal({ connection: '' })).toThrow(
      'connection is "". Set it to a name that is not empty, as \'default\'.',
    );
    expect(refusal({ prefix: 'a-b' })).toThrow(InvalidOptionError);
    expect(refusal({ registry: {} })).toThrow(InvalidOptionError);
    expect(refusal({ path: '/metrics' })).toThrow(
      'path is not an option. Use one of: namespace, prefix, registry, connection, meter.',
    );
    new Counter({ name: METRIC_NAMES.lastRun, help: 'theirs', registers: [registry] });
    expect(refusal({ registry })).toThrow(RegistryInUseError);
    expect(Object.keys(dataSource)).not.toContain('runMigrations');
    expect(Object.hasOwn(dataSource, 'runMigrations')).toBe(false);
  });

  it('takes the namespace of the environment', async () => {
    vi.stubEnv('PROMETHEUS_METRIC_NAMESPACE', 'acme');
    create();
    vi.unstubAllEnvs();

    expect(registry.getSingleMetric(metricNames({ namespace: 'acme' }).lastRun)).toBeDefined();
  });
});

describe.skipIf(inject('postgresUrl') === undefined)('instrumentMigrations on PostgreSQL', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createPostgres();
  });
  afterEach(async () => {
    for (const dataSource of opened.splice(0)) if (dataSource.isInitialized) await dataSource.destroy();
    await database.drop();
  });

  const migrations = [
    statement('First1700000000000', 'CREATE TABLE first (id int)'),
    statement('Second1700000000001', "SELECT 'hunter2' FROM missing"),
    statement('Third1700000000002', 'CREATE TABLE third (id int)'),
  ];

  it.each([
    ['all', false, []],
    ['each', true, ['First1700000000000']],
    ['none', true, ['First1700000000000']],
  ] as const)(
    'leaves the database as TypeORM does when one of them fails (transaction: %s)',
    async (transaction, hasFirst, recorded) => {
      const dataSource = await create({ type: 'postgres', url: database.url, migrations }).initialize();

      await expect(dataSource.runMigrations({ transaction })).rejects.toThrow(
        'relation "missing" does not exist',
      );

      const [{ first }] = (await database.run(`SELECT to_regclass('first') AS first`)) as [
        { first: unknown },
      ];
      expect(first !== null).toBe(hasFirst);
      const rows = (await database.run('SELECT name FROM migrations')) as { name: string }[];
      expect(rows.map(({ name }) => name)).toEqual(recorded);
      expect(await figures()).toMatchObject({ [count('failed')]: 1, [count('succeeded')]: 0 });
      expect(log()).toEqual([
        'log default: First1700000000000 ran in T',
        'error default: Second1700000000001 failed after T (QueryFailedError: 42P01)',
        'error default: the run of migrations failed after T: Second1700000000001. ' +
          'The error that runMigrations() or undoLastMigration() throws has the details.',
      ]);
    },
  );

  it('tells the cause of a run that fails outside of any migration', async () => {
    const dataSource = await create({ type: 'postgres', url: database.url }).initialize();
    await database.run('CREATE TABLE migrations (unlike text)');

    await expect(dataSource.runMigrations()).rejects.toThrow();

    expect(log()).toEqual([
      expect.stringMatching(
        /^error default: the run of migrations failed after T: QueryFailedError: 42703\. The error/,
      ),
    ]);
  });
});

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
    logger = new RecordingLogger();
    Logger.overrideLogger(logger);
    const { getDataSourceToken } = await import('@nestjs/typeorm');

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

describe('instrumented DataSources and MigrationsExporter', () => {
  it('follow what is exported by hand and forgotten', async () => {
    const exporter = new MigrationsExporter({ registry });
    const dataSource = await create({ migrationsRun: true }, {}).initialize();

    await exporter.exportMigrationsForDatabase('tenant', dataSource);
    expect(await figures()).toMatchObject({ [count('succeeded', 'tenant')]: 1 });
    expect(Object.keys(await figures(register)).join()).not.toContain('tenant');

    exporter.forgetDatabase('tenant');
    expect(await figures()).toEqual({});
    exporter.close();
  });

  it('are shown once, under the first of two aliases', async () => {
    const dataSource = await create({ migrationsRun: true }, {}).initialize();
    const dataSources = { first: dataSource, other: dataSource };
    const exporter = new MigrationsExporter({ registry, dataSources });
    await exporter.exportMigrations();

    const now = await figures();
    exporter.close();

    expect(now).toHaveProperty([count('succeeded', 'first')]);
    expect(Object.keys(now).join()).not.toContain('other');
  });

  it('are shown by their own options again when the exporter is closed', async () => {
    const dataSource = await create({ migrationsRun: true }, { connection: 'closed' }).initialize();
    const exporter = new MigrationsExporter({ registry, dataSources: { default: dataSource } });
    await exporter.exportMigrations();
    expect(await figures(register)).not.toHaveProperty([count('succeeded', 'closed')]);

    exporter.close();

    expect(await figures(register)).toHaveProperty([count('succeeded', 'closed')]);
  });

  it('keep no exporter in memory that has forgotten them', async () => {
    const exporter = new MigrationsExporter({ registry });
    const dataSource = await create({}, {}).initialize();
    await exporter.exportMigrationsForDatabase('tenant', dataSource);
    expect(RunSource.of(recordedOf(dataSource) as RecordedRuns).hosts.size).toBe(1);

    exporter.forgetDatabase('tenant');
    await registry.metrics();

    expect(RunSource.of(recordedOf(dataSource) as RecordedRuns).hosts.size).toBe(0);
    exporter.close();
  });

  it('do not keep a scrape from answering when somebody else has the name', async () => {
    new Counter({ name: METRIC_NAMES.lastRun, help: 'theirs', registers: [registry] });
    const dataSource = create({ migrations: [defineMigration('Late1700000000000')] }, {});
    const plain = await new DataSource({ type: 'better-sqlite3', database: ':memory:' }).initialize();
    opened.push(plain);
    const dataSources: Record<string, DataSource> = { plain };
    const exporter = new MigrationsExporter({ registry, maxAge: 0, dataSources });
    await exporter.exportMigrations();
    await dataSource.initialize();

    await expect(exporter.exportMigrationsForDatabase('late', dataSource)).rejects.toThrow(
      RegistryInUseError,
    );
    expect(await registry.metrics()).toContain('typeorm_migrations_applied_total{connection="late"} 0');
    expect(logger.lines).toContain(
      'warn The metrics of migration runs could not be registered (RegistryInUseError). ' +
        'Set the option registry, prefix or namespace to another.',
    );
    exporter.close();
  });
});
