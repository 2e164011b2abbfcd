import { Counter } from 'prom-client';
import { DataSource, type MigrationInterface } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  instrumentMigrations,
  InvalidOptionError,
  METRIC_NAMES,
  MigrationsExporter,
  NotADataSourceError,
  RegistryInUseError,
} from '../../lib';
import { closeLater } from '../support/data-sources';
import { samples } from '../support/exposition';
import { defineMigrations } from '../support/migrations';
import {
  beginRuns,
  count,
  create,
  endRuns,
  figures,
  inProgress,
  last,
  log,
  logger,
  registry,
} from '../support/runs';
import { loadSecondTypeorm } from '../support/second-typeorm';

beforeEach(beginRuns);
afterEach(endRuns);

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
    closeLater(await dataSource.initialize());

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
    closeLater(await instrumentMigrations(dataSource, { registry }).initialize());

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
});
