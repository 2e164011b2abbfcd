import { setTimeout as wait } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  InvalidOptionError,
  METRIC_NAMES,
  MigrationsExporter,
  type MigrationsExporterOptions,
  NotADataSourceError,
  RegistryInUseError,
} from '../../lib';
import { record } from '../support/applications';
import { closeDataSources, openDataSource } from '../support/data-sources';
import { readingsOf, samples } from '../support/exposition';
import { holdStatements } from '../support/intercept';
import { RecordingLogger } from '../support/logs';
import { defineMigrations } from '../support/migrations';
import type { StatementLog } from '../support/statements';

let logger: RecordingLogger;
let registry: Registry;
let exporter: MigrationsExporter;
let dataSource: DataSource;
let log: StatementLog;

function create(options: MigrationsExporterOptions = {}) {
  exporter = new MigrationsExporter({ registry, maxAge: 0, ...options });
  return exporter;
}
const open = (count: number) =>
  openDataSource({ type: 'better-sqlite3', database: ':memory:', migrations: defineMigrations(count) });
const applied = async (connection = 'default') =>
  readingsOf(await registry.metrics(), connection)['applied_total'];

beforeEach(async () => {
  Logger.overrideLogger((logger = new RecordingLogger()));
  registry = new Registry();
  ({ dataSource, log } = await open(3));
});
afterEach(async () => {
  exporter.close();
  Logger.overrideLogger(undefined as never);
  await closeDataSources();
});

describe('MigrationsExporter without Nest', () => {
  it('exports the DataSources it is given, and keeps them fresh', async () => {
    await record(dataSource, 1);
    const readings = await create({ dataSources: { default: dataSource } }).exportMigrations();
    expect(readings).toEqual([
      {
        connection: 'default',
        status: 'read',
        state: {
          defined: ['Step1700000000000', 'Step1700000000001', 'Step1700000000002'],
          applied: ['Step1700000000000'],
          unapplied: ['Step1700000000001', 'Step1700000000002'],
          unknown: [],
          outOfOrder: [],
        },
        durationSeconds: expect.any(Number) as number,
      },
    ]);
    expect(await applied()).toBe(1);
    await dataSource.runMigrations();
    expect(await applied()).toBe(3);
    expect(logger.lines).toEqual(['log default: migrations: 1 applied, 2 unapplied']);
  });

  it('puts nothing into the registry before it exports', async () => {
    create({ dataSources: { default: dataSource } });
    expect(await registry.metrics()).toBe('\n');
    expect(log.take()).toEqual([]);
  });

  it('sends one statement at a scrape, and none within maxAge', async () => {
    await record(dataSource, 1);
    await create({ dataSources: { default: dataSource } }).exportMigrations();
    log.take();
    await registry.metrics();
    expect(log.take()).toHaveLength(1);
    await Promise.all([registry.metrics(), registry.metrics(), registry.getMetricsAsJSON()]);
    expect(log.take()).toHaveLength(1);
    exporter.close();

    await create({ dataSources: { default: dataSource }, maxAge: 60_000 }).exportMigrations();
    log.take();
    await registry.metrics();
    expect(log.take()).toEqual([]);
    await exporter.exportMigrations();
    expect(log.take()).toHaveLength(1);
  });

  it("reads once with refresh: 'bootstrap', as Django does", async () => {
    await create({ dataSources: { default: dataSource }, refresh: 'bootstrap' }).exportMigrations();
    await dataSource.runMigrations();
    log.take();
    expect(await applied()).toBe(0);
    expect(log.take()).toEqual([]);
    await exporter.exportMigrations();
    expect(await applied()).toBe(3);
  });

  it('leaves what is not known out, and counts failures by reason once per reading', async () => {
    await create({ dataSources: { default: dataSource } }).exportMigrations();
    const before = readingsOf(await registry.metrics(), 'default');
    expect(before).toMatchObject({ defined: 3, unknown: 0 });
    await dataSource.destroy();
    await registry.metrics();
    const text = await registry.metrics();
    expect(readingsOf(text, 'default')).toEqual({
      applied_total: -1,
      unapplied_total: -1,
      collection_success: 0,
      collection_duration_seconds: expect.any(Number) as number,
      last_success_timestamp_seconds: before['last_success_timestamp_seconds'],
    });
    expect(
      samples(text).get(
        'typeorm_migrations_collection_errors_total{connection="default",reason="uninitialized"}',
      ),
    ).toBe(2);
    expect(text).not.toContain('typeorm_migrations_info{');
  });

  it('counts a failure that several scrapes show once', async () => {
    await dataSource.destroy();
    await create({ dataSources: { default: dataSource }, maxAge: 60_000 }).exportMigrations();
    await registry.metrics();
    const text = await registry.metrics();
    const errors = 'typeorm_migrations_collection_errors_total{connection="default",reason="uninitialized"}';
    expect(samples(text).get(errors)).toBe(1);
  });

  it('shows the same reading in all metrics of a scrape', async () => {
    await create({ dataSources: { default: dataSource } }).exportMigrations();
    await dataSource.runMigrations();
    const readings = readingsOf(await registry.metrics(), 'default');
    expect(readings).toMatchObject({
      applied_total: 3,
      unapplied_total: 0,
      defined: 3,
      collection_success: 1,
    });
  });

  it('puts nothing into the registry any more once it is closed', async () => {
    await create({ dataSources: { default: dataSource } }).exportMigrations();
    exporter.close();
    expect(await exporter.exportMigrations()).toMatchObject([{ connection: 'default', status: 'read' }]);
    expect(await exporter.exportMigrationsForDatabase('x', dataSource)).toMatchObject({ status: 'read' });
    expect(registry.getMetricsAsArray()).toEqual([]);
  });

  it('puts in all metrics or none: a name that is taken meanwhile fails the export, not the scrape', async () => {
    create({ dataSources: { default: dataSource } });
    const name = METRIC_NAMES.collectionErrors;
    new Gauge({ name, help: 'somebody else', registers: [registry] });
    await expect(exporter.exportMigrations()).rejects.toThrow(RegistryInUseError);
    exporter.close();
    expect(registry.getMetricsAsArray().map((metric) => metric.name)).toEqual([name]);
    expect(await registry.metrics()).toContain(name);
  });

  it('has its metrics in the registry as long as no newer one of the same names lives on it', async () => {
    await create({ dataSources: { default: dataSource } }).exportMigrations();
    const other = await open(2);
    const second = new MigrationsExporter({
      registry,
      maxAge: 0,
      dataSources: { default: other.dataSource },
    });
    await second.exportMigrations();
    const defined = async () => readingsOf(await registry.metrics(), 'default')['defined'];
    expect(await defined()).toBe(2);
    const third = new MigrationsExporter({
      registry,
      prefix: 'django',
      dataSources: { default: dataSource },
    });
    await third.exportMigrations();
    expect(readingsOf(await registry.metrics(), 'default', 'django')).toMatchObject({ defined: 3 });
    expect(await defined()).toBe(2);

    second.close();
    expect(await defined()).toBe(3);
    exporter.close();
    third.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
    expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([
      expect.stringMatching(
        /^warn More than one .* puts "typeorm_migrations_\*" into the same registry: the newest/,
      ),
    ]);
  });

  it('survives what others do to the registry', async () => {
    await dataSource.destroy();
    await create({ dataSources: { default: dataSource } }).exportMigrations();
    const failures = async () =>
      samples(await registry.metrics()).get(
        'typeorm_migrations_collection_errors_total{connection="default",reason="uninitialized"}',
      );
    expect(await failures()).toBe(2);
    registry.resetMetrics();
    expect(await failures()).toBe(3);
    registry.clear();
    expect(await exporter.exportMigrations()).toMatchObject([{ status: 'failed' }]);
    expect(await failures()).toBe(5);

    registry.clear();
    const theirs = new Gauge({ name: METRIC_NAMES.applied, help: 'somebody else', registers: [registry] });
    exporter.close();
    expect(registry.getMetricsAsArray()).toEqual([theirs]);
  });
});

describe('a scrape beside a slow neighbour', () => {
  it.each([
    ['while one that began before waits for it', 0],
    ['within maxAge of the last', 30],
  ])('shows a healthy connection as it is then: %s', async (_when, maxAge) => {
    const slow = await open(1);
    create({ dataSources: { default: dataSource, slow: slow.dataSource }, maxAge });
    await exporter.exportMigrations();
    const answer = holdStatements(slow.dataSource);
    const scrapes: Promise<number | undefined>[] = [];
    for (const count of [1, 2, 3]) {
      await record(dataSource, count);
      // As old as a collection may be that is shown.
      await wait(maxAge + 10);
      scrapes.push(applied());
    }
    const earlier = applied();
    await dataSource.query('DELETE FROM migrations');
    await wait(maxAge + 10);
    const last = applied();
    await wait(100);
    answer();
    // Each shows what was there when it began, or what was read since.
    for (const [index, scrape] of scrapes.entries()) {
      const shown = await scrape;
      expect(shown === 0 || (shown ?? 0) > index).toBe(true);
    }
    await earlier;
    expect(await last).toBe(0);
  });
});

describe('exportMigrationsForDatabase', () => {
  it('exports that one alone, and keeps it fresh', async () => {
    const other = await open(2);
    const reading = await create({ dataSources: { default: dataSource } }).exportMigrationsForDatabase(
      'other',
      other.dataSource,
    );
    expect(reading).toMatchObject({ connection: 'other', status: 'read' });
    expect(await applied('other')).toBe(0);
    await other.dataSource.runMigrations();
    expect(await applied('other')).toBe(2);
    expect(await applied('default')).toBeUndefined();
    expect(log.take()).toEqual([]);

    await exporter.exportMigrations();
    expect([await applied('other'), await applied('default')]).toEqual([2, 0]);
  });

  it('exports one instance under each alias that it is given', async () => {
    await create({ dataSources: { default: dataSource } }).exportMigrations();
    await exporter.exportMigrationsForDatabase('copy', dataSource);
    log.take();
    expect([await applied('default'), await applied('copy')]).toEqual([0, 0]);
    // Each of the two scrapes reads the instance once.
    expect(log.take()).toHaveLength(2);
    exporter.forgetDatabase('copy');
    expect([await applied('default'), await applied('copy')]).toEqual([0, undefined]);
  });

  it('gives the alias to the one that was exported by hand', async () => {
    const other = await open(2);
    await create({ dataSources: { default: dataSource }, exclude: ['by hand'] }).exportMigrations();
    await exporter.exportMigrationsForDatabase('default', other.dataSource);
    expect(await applied('default#2')).toBe(0);
    await exporter.exportMigrationsForDatabase('by hand', dataSource);
    const text = await registry.metrics();
    expect(readingsOf(text, 'default')).toMatchObject({ defined: 2 });
    expect(readingsOf(text, 'by hand')).toMatchObject({ defined: 3 });
    expect(readingsOf(text, 'default#2')).toMatchObject({ defined: 3 });
  });

  it('is not undone by a reading of the former owner of the alias that was under way', async () => {
    const answer = holdStatements(dataSource);
    const other = await open(2);
    create({ dataSources: { default: dataSource }, refresh: 'bootstrap' });
    const underWay = exporter.exportMigrations();
    await exporter.exportMigrationsForDatabase('default', other.dataSource);
    answer();
    await underWay;
    expect(readingsOf(await registry.metrics(), 'default')).toMatchObject({ defined: 2 });
  });

  it('is not undone by an older reading that comes in later', async () => {
    const slow = await open(1);
    const answer = holdStatements(slow.dataSource);
    create({ dataSources: { default: dataSource, slow: slow.dataSource }, refresh: 'bootstrap' });
    const underWay = exporter.exportMigrations();
    await dataSource.runMigrations();
    await exporter.exportMigrationsForDatabase('default', dataSource);
    expect(await applied()).toBe(3);
    answer();
    await underWay;
    expect(await applied()).toBe(3);
  });

  it('answers a failed reading, and rejects what can never be read', async () => {
    await dataSource.destroy();
    expect(await create().exportMigrationsForDatabase('default', dataSource)).toMatchObject({
      connection: 'default',
      status: 'failed',
      reason: 'uninitialized',
    });
    await expect(exporter.exportMigrationsForDatabase('', dataSource)).rejects.toThrow(InvalidOptionError);
    await expect(exporter.exportMigrationsForDatabase('x', {} as DataSource)).rejects.toThrow(
      NotADataSourceError,
    );
  });
});

describe('forgetDatabase', () => {
  it('makes every series of the alias disappear, until it is exported by hand again', async () => {
    await create({ dataSources: { default: dataSource } }).exportMigrations();
    exporter.forgetDatabase('default');
    expect([...samples(await registry.metrics())]).toEqual([]);
    expect(await exporter.exportMigrations()).toEqual([]);
    expect([...samples(await registry.metrics())]).toEqual([]);
    await exporter.exportMigrationsForDatabase('default', dataSource);
    expect(await applied()).toBe(0);
  });

  it('does not let a reading under way bring them back', async () => {
    await create({ dataSources: { default: dataSource } }).exportMigrations();
    const scrape = registry.metrics();
    exporter.forgetDatabase('default');
    await scrape;
    expect([...samples(await registry.metrics())]).toEqual([]);
  });
});
