import { Logger } from '@nestjs/common';
import { metrics, type Meter as ApiMeter } from '@opentelemetry/api';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  instrumentMigrations,
  InvalidOptionError,
  MigrationsExporter,
  observeMigrations,
  PrometheusMigrationsModule,
  type PrometheusMigrationsModuleOptions,
} from '../../lib';
import { Instruments } from '../../lib/opentelemetry/instruments';
import { closeApplications, record, sqliteModule, startApplication } from '../support/applications';
import { createPostgres, type TestDatabase } from '../support/databases';
import { closeDataSources, openDataSource } from '../support/data-sources';
import { interceptStatements } from '../support/intercept';
import { RecordingLogger } from '../support/logs';
import { defineMigration, defineMigrations } from '../support/migrations';
import { families, ownSamples, startSdk, stopSdks } from '../support/opentelemetry';

const sqlite = { type: 'better-sqlite3' as const, database: ':memory:' };
const migrations = defineMigrations(4);

afterEach(async () => {
  await closeApplications();
  await closeDataSources();
  await stopSdks();
});

/** An initialized DataSource with its first migrations applied. */
async function open(options: Partial<DataSourceOptions>, applied = 0): Promise<DataSource> {
  const { dataSource } = await openDataSource({ ...sqlite, ...options } as DataSourceOptions);
  await record(dataSource, applied);
  return dataSource;
}

/** Has every statement fail with an error of that code from now on, until it is called. */
function breakDatabase(dataSource: DataSource, code: string): () => void {
  let isBroken = true;
  interceptStatements(dataSource, (send) =>
    isBroken ? Promise.reject(Object.assign(new Error('refused'), { code })) : send(),
  );
  return () => (isBroken = false);
}

function recordWarnings(): () => readonly string[] {
  const logger = new RecordingLogger();
  Logger.overrideLogger(logger);
  return () => logger.lines.filter((line) => line.startsWith('warn '));
}

/** Without what a moment decides. */
function withoutTimes(samples: ReadonlyMap<string, number>): Record<string, number> {
  const timed = /_duration_seconds_sum|collection_duration_seconds/;
  return Object.fromEntries([...samples].filter(([series]) => !timed.test(series)).sort());
}

/** An application with both worlds, and what each shows now. */
async function startBoth(
  options: PrometheusMigrationsModuleOptions,
  imports: NonNullable<Parameters<typeof startApplication>[0]['imports']> = [],
) {
  const sdk = startSdk();
  const application = await startApplication({
    imports: [
      ...imports,
      PrometheusMigrationsModule.forRoot({
        registry: new Registry(),
        maxAge: 60_000,
        meter: sdk.meter,
        ...options,
      }),
    ],
  });
  const both = async () => {
    const ours = await application.get();
    const theirs = await sdk.exposition();
    return {
      ours: withoutTimes(ownSamples(ours)),
      theirs: withoutTimes(ownSamples(theirs)),
      text: { ours, theirs },
    };
  };
  return { ...application, sdk, both, exporter: application.app.get(MigrationsExporter) };
}

describe('the exposition of OpenTelemetry', () => {
  const unknown = defineMigration('Unknown1600000000000');
  const states: readonly (readonly [state: string, make: () => Promise<DataSource>])[] = [
    ['up to date', async () => open({ migrations }, 4)],
    ['pending', async () => open({ migrations }, 2)],
    [
      'unknown',
      async () => {
        const dataSource = await open({ migrations: [unknown, ...migrations] }, 5);
        Object.assign(dataSource, { migrations: dataSource.migrations.slice(1) });
        return dataSource;
      },
    ],
    [
      'out of order',
      async () => {
        const dataSource = await open({ migrations });
        const all = dataSource.migrations;
        Object.assign(dataSource, { migrations: all.slice(2, 3) });
        await dataSource.runMigrations({ fake: true });
        Object.assign(dataSource, { migrations: all });
        return dataSource;
      },
    ],
    ['uninitialized', () => Promise.resolve(new DataSource({ ...sqlite, migrations }))],
    ['invalid_migrations', async () => open({ migrations: [defineMigration('NoTimestamp')] })],
    ...(['28P01', '57P01', '57014', 'XX000'] as const).map(
      (code) =>
        [
          `an error of the driver: ${code}`,
          async () => {
            const dataSource = await open({ migrations });
            breakDatabase(dataSource, code);
            return dataSource;
          },
        ] as const,
    ),
  ];

  it.each(states)('is ours, number for number: %s', async (_state, make) => {
    const { both } = await startBoth({ dataSources: { orders: await make() } });
    const { ours, theirs, text } = await both();
    expect(Object.keys(theirs)).toContain('typeorm_migrations_unapplied_total{connection="orders"}');
    expect(theirs).toEqual(ours);
    const types = (exposition: string) =>
      families(exposition).filter((line) => line.startsWith('# TYPE') || line.startsWith('# HELP'));
    expect(types(text.ours)).toEqual(expect.arrayContaining(types(text.theirs)));
  });

  it('is ours after an outage began and after it ended', async () => {
    const dataSource = await open({ migrations }, 3);
    const { both, exporter } = await startBoth({ dataSources: { orders: dataSource } });
    const before = await both();
    expect(before.theirs).toEqual(before.ours);
    const restore = breakDatabase(dataSource, 'ECONNREFUSED');
    await exporter.exportMigrations();

    const during = await both();
    expect(during.theirs).toEqual(during.ours);
    expect(during.text.theirs).toMatch(/typeorm_migrations_defined\{connection="orders".*\} NaN/);

    restore();
    await exporter.exportMigrations();
    const after = await both();
    expect(after.theirs).toEqual(after.ours);
    expect(after.text.theirs).not.toContain('NaN');
  });

  it('is ours when a connection was forgotten, and when it is exported again', async () => {
    const dataSource = await open({ migrations }, 3);
    const other = await open({ migrations }, 1);
    const { both, exporter } = await startBoth({ dataSources: { orders: dataSource, users: other } });
    await both();
    exporter.forgetDatabase('orders');

    const { ours, theirs, text } = await both();
    const gauges = (all: object) =>
      Object.entries(all).filter(([series]) => !series.includes('_errors_total'));
    expect(gauges(theirs)).toEqual(gauges(ours));
    expect(text.theirs).toMatch(/unapplied_total\{connection="orders".*\} NaN/);
    // A counter that was NaN once would be NaN for ever.
    expect(text.theirs).not.toMatch(/errors_total\{.*\} NaN/);

    await exporter.exportMigrationsForDatabase('orders', dataSource);
    const again = await both();
    expect(again.theirs).toEqual(again.ours);
  });

  it('has no figure once the application is closed', async () => {
    const { both, app, sdk } = await startBoth({}, [sqliteModule(migrations)]);
    expect(Object.keys((await both()).theirs)).not.toEqual([]);
    await app.close();
    const gauges = [...ownSamples(await sdk.exposition()).keys()].filter(
      (series) => !series.includes('_errors_total'),
    );
    expect(gauges).toEqual([]);
  });

  it('has no figure of a start that failed', async () => {
    const sdk = startSdk();
    const start = startApplication({
      imports: [
        sqliteModule(migrations),
        PrometheusMigrationsModule.forRoot({
          registry: new Registry(),
          meter: sdk.meter,
          onUnapplied: 'fail',
        }),
      ],
    });
    await expect(start).rejects.toThrow('unapplied');
    expect(
      [...ownSamples(await sdk.exposition()).keys()].filter((series) => !/_errors_/.test(series)),
    ).toEqual([]);
  });

  it('has nothing of what is not exported', async () => {
    const { both, exporter } = await startBoth({ exportMigrations: false }, [sqliteModule(migrations)]);
    expect((await both()).text.theirs).not.toContain('connection=');
    await exporter.exportMigrations();
    const { ours, theirs } = await both();
    expect(Object.keys(ours)).not.toEqual([]);
    expect(theirs).toEqual(ours);
  });

  it('shows the runs that the application makes, from the one of migrationsRun on', async () => {
    const { both, app } = await startBoth({}, [
      TypeOrmModule.forRootAsync({
        useFactory: () => ({ ...sqlite, migrations, migrationsRun: true }),
        dataSourceFactory: (options) =>
          Promise.resolve(instrumentMigrations(new DataSource(options as typeof sqlite))),
      }),
    ]);
    const series = `typeorm_migrations_run_duration_seconds_count{connection="default",outcome="succeeded"}`;
    const first = await both();
    expect(first.theirs[series]).toBe(1);
    await app.get(DataSource).undoLastMigration();
    const { ours, theirs } = await both();
    expect(theirs[series]).toBe(2);
    // An outcome without a run is absent on a meter, and all zeros in a registry.
    expect(ours).toMatchObject(theirs);
    const missing = Object.keys(ours).filter((each) => !(each in theirs));
    expect(missing.filter((each) => !each.includes('outcome="failed"'))).toEqual([]);
  });
});

describe('a collection of the SDK', () => {
  it('shares maxAge and single flight with a scrape', async () => {
    const dataSource = await open({ migrations }, 2);
    const sdk = startSdk();
    const { get } = await startApplication({
      imports: [
        PrometheusMigrationsModule.forRoot({
          registry: new Registry(),
          dataSources: { orders: dataSource },
          meter: sdk.meter,
          maxAge: 0,
        }),
      ],
    });
    let statements = 0;
    interceptStatements(dataSource, async (send) => {
      statements += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return send();
    });
    await Promise.all([get(), sdk.exposition(), get(), sdk.exposition()]);
    expect(statements).toBe(1);
  });

  it('answers within the time-out, and reports no error', async () => {
    const dataSource = await open({ migrations }, 2);
    const sdk = startSdk();
    const observation = await observeMigrations(
      { dataSources: { orders: dataSource }, timeout: 200, maxAge: 0 },
      sdk.meter,
    );
    interceptStatements(dataSource, () => new Promise(() => {}));
    const errors = await sdk.errors();
    expect(errors).toEqual([]);
    const text = await sdk.exposition();
    expect(text).toMatch(/unapplied_total\{connection="orders".*\} -1/);
    expect(text).toMatch(/errors_total\{connection="orders",reason="timeout".*\} [1-9]/);
    observation.close();
  });

  it('of delta temporality has the same gauges, and counts each failure once', async () => {
    const dataSource = await open({ migrations }, 2);
    const sdk = startSdk({ isDelta: true });
    const observation = await observeMigrations(
      { dataSources: { orders: dataSource }, maxAge: 0 },
      sdk.meter,
    );
    expect(await sdk.exposition()).toMatch(/unapplied_total\{connection="orders".*\} 2/);
    breakDatabase(dataSource, 'ECONNREFUSED');
    const failures = async () => {
      const { scopeMetrics } = await sdk.collect();
      const errors = scopeMetrics[0]?.metrics.find(({ descriptor }) => /errors_total$/.test(descriptor.name));
      return errors?.dataPoints.find(({ attributes }) => attributes['reason'] === 'unreachable')?.value;
    };
    expect([await failures(), await failures(), await failures()]).toEqual([1, 1, 1]);
    observation.close();
  });
});

describe('observeMigrations', () => {
  let postgres: TestDatabase;
  beforeEach(async () => {
    postgres = await createPostgres();
  });
  afterEach(() => postgres.drop());

  it('observes a real database, and its outage, until it is closed; and again', async () => {
    const dataSource = await open({ type: 'postgres', url: postgres.url, migrations }, 3);
    const { meter, exposition } = startSdk();
    const options = { dataSources: { orders: dataSource }, maxAge: 0 };
    const observation = await observeMigrations(options, () => meter);
    expect(await exposition()).toMatch(/unapplied_total\{connection="orders".*\} 1/);

    await dataSource.destroy();
    expect(await exposition()).toMatch(/unapplied_total\{connection="orders".*\} -1/);
    await dataSource.initialize();
    observation.close();
    observation.close();
    expect(await exposition()).toMatch(/unapplied_total\{connection="orders".*\} NaN/);

    const again = await observeMigrations(options, meter);
    expect(await exposition()).toMatch(/unapplied_total\{connection="orders".*\} 1/);
    again.close();
  });

  it('has the buckets of runs, and records a run once though both share the meter', async () => {
    const { meter, exposition } = startSdk();
    const dataSource = new DataSource({ ...sqlite, migrations });
    instrumentMigrations(dataSource, { meter, registry: new Registry() });
    await dataSource.initialize();
    const observation = await observeMigrations({ dataSources: { orders: dataSource } }, meter);
    await dataSource.runMigrations();
    const text = await exposition();
    expect(text).toMatch(/run_duration_seconds_count\{.*outcome="succeeded".*\} 1/);
    expect(text.match(/run_duration_seconds_count/g)).toHaveLength(1);
    expect(Array.from(text.matchAll(/run_duration_seconds_bucket\{.*le="([^"]+)"/g), ([, le]) => le)).toEqual(
      [...['0.1', '0.5', '1', '5', '15', '60', '300', '900', '1800', '3600', '+Inf']],
    );
    expect(text).toMatch(/runs_in_progress\{connection="orders".*\} 0/);
    observation.close();
    await dataSource.destroy();
  });

  it('keeps nothing of the runs of a connection that is forgotten, until it is exported again', async () => {
    const { meter, exposition } = startSdk();
    const dataSource = await open({ migrations }, 1);
    instrumentMigrations(dataSource, { registry: new Registry() });
    const observe = () => observeMigrations({ dataSources: { orders: dataSource } }, meter);
    const observation = await observe();
    const { runs } = Instruments.of(meter, { prefix: 'typeorm' }) as unknown as { runs: Set<unknown> };
    expect(runs.size).toBe(1);
    observation.close();
    await exposition();
    expect(runs.size).toBe(0);

    const again = await observe();
    await dataSource.undoLastMigration();
    expect(await exposition()).toMatch(/runs_in_progress\{connection="orders".*\} 0/);
    expect(await exposition()).toMatch(/run_duration_seconds_count\{.*outcome="succeeded".*\} 1/);
    again.close();
  });

  it('says once which of two has the meter, and gives it back', async () => {
    const warnings = recordWarnings();
    const { meter, exposition } = startSdk();
    const first = await open({ migrations }, 1);
    const second = await open({ migrations }, 2);
    const older = await observeMigrations({ dataSources: { orders: first }, maxAge: 0 }, meter);
    const newer = await observeMigrations({ dataSources: { orders: second }, maxAge: 0 }, meter);
    const third = await observeMigrations({ dataSources: { orders: second }, maxAge: 0 }, meter);
    expect(warnings().filter((line) => line.includes('on one OpenTelemetry meter'))).toHaveLength(1);
    third.close();
    expect(await exposition()).toMatch(/unapplied_total\{connection="orders".*\} 2/);
    newer.close();
    expect(await exposition()).toMatch(/unapplied_total\{connection="orders".*\} 3/);
    older.close();
  });

  it('warns of a meter that was taken before the SDK was started', async () => {
    const warnings = recordWarnings();
    const dataSource = await open({ migrations }, 1);
    const observation = await observeMigrations(
      { dataSources: { orders: dataSource } },
      metrics.getMeter('too-early'),
    );
    expect(warnings()).toEqual([expect.stringContaining('The OpenTelemetry meter records nothing')]);
    observation.close();
  });

  it.each([
    ['no meter', undefined as never, 'meter is not set'],
    ['an object', {} as never, 'meter is {}'],
    ['a promise', Promise.resolve() as never, 'meter is an object of Promise'],
    ['false', false as never, 'meter is false'],
    ['a function that returns none', () => ({}) as ApiMeter, 'meter is a function that returned {}'],
    [
      'a function that throws',
      () => {
        throw new TypeError('secret');
      },
      'meter is a function that failed (TypeError)',
    ],
  ])('refuses %s', async (_what, meter, message) => {
    const observing = observeMigrations({ dataSources: {} }, meter);
    await expect(observing).rejects.toThrow(InvalidOptionError);
    await expect(observing).rejects.toThrow(message);
  });

  it.each([
    [{ namespace: 'a:b' }, 'namespace is "a:b"'],
    [{ namespace: '_a' }, 'namespace is "_a"'],
    [{ prefix: 'a:b' }, 'prefix is "a:b"'],
    [{ prefix: 'a'.repeat(250) }, 'prefix is'],
  ])('refuses names that OpenTelemetry would: %j', async (options, message) => {
    await expect(observeMigrations({ dataSources: {}, ...options }, startSdk().meter)).rejects.toThrow(
      message,
    );
  });
});

describe('the option meter', () => {
  it.each([
    ['an object', {}, 'meter is {}'],
    ['a text', 'meter', 'meter is "meter"'],
  ])('that is %s stops the start, and says why', (_what, meter, message) => {
    expect(() => PrometheusMigrationsModule.forRoot({ meter: meter as never })).toThrow(message);
  });

  it('that is a function is called at bootstrap, once', async () => {
    const sdk = startSdk();
    let calls = 0;
    const module = PrometheusMigrationsModule.forRoot({
      registry: new Registry(),
      meter: () => {
        calls += 1;
        return sdk.meter;
      },
    });
    expect(calls).toBe(0);
    const { get } = await startApplication({ imports: [sqliteModule(migrations), module] });
    await sdk.exposition();
    await get();
    expect(await sdk.exposition()).toMatch(/unapplied_total\{connection="default".*\} 4/);
    expect(calls).toBe(1);
  });

  it('that is true is the global meter', async () => {
    const sdk = startSdk();
    metrics.setGlobalMeterProvider({ getMeter: () => sdk.meter });
    try {
      await startApplication({
        imports: [
          sqliteModule(migrations),
          PrometheusMigrationsModule.forRoot({ registry: new Registry(), meter: true }),
        ],
      });
      expect(await sdk.exposition()).toMatch(/unapplied_total\{connection="default".*\} 4/);
    } finally {
      metrics.disable();
    }
  });

  it('warns once where the SDK keeps less series than the errors have', async () => {
    const dataSource = await open({ migrations }, 1);
    const dataSources = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`tenant_${index}`, dataSource]));
    const limitWarnings = async (count: number) => {
      const warnings = recordWarnings();
      const { meter, exposition } = startSdk();
      const observation = await observeMigrations({ dataSources: dataSources(count) }, meter);
      await exposition();
      await exposition();
      observation.close();
      return warnings().filter((line) => line.includes('aggregationCardinalityLimit'));
    };
    expect(await limitWarnings(333)).toEqual([]);
    expect(await limitWarnings(334)).toEqual([expect.stringContaining('334 connections make 2004 series')]);
  });
});
