import type { DataSource } from 'typeorm';
import { isDataSource } from './data-source/brand';
import { logger } from './logger';
import type { InstrumentMigrationsOptions } from './options/option.types';
import { checkMeterNaming } from './options/meter-naming';
import { RUN_OPTIONS } from './options/option.table';
import { resolve } from './options/resolve';
import { Instruments } from './opentelemetry/instruments';
import { meterOf } from './opentelemetry/meter';
import { MeterRunSource } from './opentelemetry/run-source';
import { hasClient, registryOf } from './prometheus/client';
import { RunMetrics } from './prometheus/run-metrics';
import { RunSource } from './prometheus/run-source';
import { NotADataSourceError } from './prometheus-migrations.errors';
import { RecordedRuns, recordedOf } from './runs/recorded-runs';

/**
 * Times every run of migrations in the application: `runMigrations()`, `undoLastMigration()`, and
 * the run of `migrationsRun: true`. Call it before `initialize()`. The log has a line for each migration.
 *
 * It does not change the runs. A second call for the same DataSource replaces the options.
 *
 * If {@link PrometheusMigrationsModule} or a {@link MigrationsExporter} exports the DataSource, the runs
 * use the same `registry`, `namespace`, `prefix` and alias, unless `options` set others.
 *
 * @param dataSource - not initialized yet, or initialized without `migrationsRun`
 * @param options - all of them have defaults; the environment is read now
 * @returns The same object.
 * @throws {@link NotADataSourceError} or {@link InvalidOptionError} for a value that cannot work
 * @throws {@link RegistryInUseError} if the registry already holds another metric with one of the names
 *
 * @example
 * ```ts
 * TypeOrmModule.forRootAsync({
 *   useFactory: () => ({
 *     type: 'postgres',
 *     url: 'postgres://db/orders',
 *     migrations: ['dist/migrations/*.js'],
 *     migrationsRun: true,
 *   }),
 *   dataSourceFactory: async (options) => instrumentMigrations(new DataSource(options!)),
 * });
 * ```
 */
export function instrumentMigrations(
  dataSource: DataSource,
  options: InstrumentMigrationsOptions = {},
): DataSource {
  if (!isDataSource(dataSource)) throw new NotADataSourceError(undefined, 'dataSource', dataSource);
  const { registry, namespace, prefix, meter: option } = resolve(RUN_OPTIONS, options, process.env);
  checkMeterNaming({ namespace, prefix, meter: option });
  const meter = option && meterOf(option);
  const known = recordedOf(dataSource);
  const runs = known ?? new RecordedRuns(dataSource);
  // Without a client and without a meter in the options, the module's meter shows the runs.
  if (registry !== undefined || hasClient()) {
    RunSource.of(runs).configure(options, RunMetrics.of(registryOf(registry), { namespace, prefix }));
  }
  runs.label = options.connection;
  MeterRunSource.of(runs).configure(
    { ...options, meter },
    meter && Instruments.of(meter, { namespace, prefix }),
  );
  if (known === undefined) {
    runs.start(dataSource);
    if (dataSource.isInitialized && dataSource.options.migrationsRun === true) logger.warn(TOO_LATE);
  }
  return dataSource;
}

const TOO_LATE =
  'instrumentMigrations() was called after initialize(): the run of `migrationsRun: true` was not timed. ' +
  'Call it before; with TypeOrmModule.forRootAsync, in dataSourceFactory.';
