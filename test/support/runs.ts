import { Logger } from '@nestjs/common';
import { register, Registry } from 'prom-client';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { instrumentMigrations, type InstrumentMigrationsOptions } from '../../lib';
import { closeApplications } from './applications';
import { closeDataSources, closeLater } from './data-sources';
import { samples } from './exposition';
import { RecordingLogger } from './logs';
import { defineMigrations } from './migrations';

/** The registry of the test that runs. */
export let registry: Registry;
/** The log of the test that runs. */
export let logger: RecordingLogger;

/** Gives each test its own registry and log; for `beforeEach`. */
export function beginRuns(): void {
  registry = new Registry();
  beginLog();
}

/** Begins an empty log. An application that starts replaces it with its own. */
export function beginLog(): void {
  Logger.overrideLogger((logger = new RecordingLogger()));
}

/** Closes what the test has opened; for `afterEach`. */
export async function endRuns(): Promise<void> {
  await closeApplications();
  await closeDataSources();
  register.clear();
}

/** Instrumented with the test's own registry, and not initialized. */
export function create(
  options: Partial<DataSourceOptions> = {},
  runs: InstrumentMigrationsOptions = { registry },
): DataSource {
  const dataSource = new DataSource({
    type: 'better-sqlite3',
    database: ':memory:',
    migrations: defineMigrations(2),
    ...options,
  } as DataSourceOptions);
  return instrumentMigrations(closeLater(dataSource), runs);
}

/** The values of the run metrics, without buckets. */
export async function figures(of: Registry = registry, prefix = 'typeorm'): Promise<Record<string, number>> {
  const all = samples(await of.metrics());
  return Object.fromEntries(
    [...all]
      .filter(
        ([series]) => series.startsWith(prefix) && /_runs?_/.test(series) && !series.includes('_bucket'),
      )
      .map(([series, value]) => [series.slice(`${prefix}_migrations_`.length), value]),
  );
}
export const count = (outcome: string, connection = 'default') =>
  `run_duration_seconds_count{connection="${connection}",outcome="${outcome}"}`;
export const last = (outcome: string, connection = 'default') =>
  `last_run_timestamp_seconds{connection="${connection}",outcome="${outcome}"}`;
export const inProgress = (connection = 'default') => `runs_in_progress{connection="${connection}"}`;

/** The log, with every time as `T`. */
export const log = () => logger.lines.map((line) => line.replace(/\d+\.\d{3} s/, 'T'));
