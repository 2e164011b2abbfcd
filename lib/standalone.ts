export { instrumentMigrations } from './instrument-migrations';
export { METRIC_NAMES, type MetricKey, type MetricNaming, metricNames } from './metrics/metric.names';
export type { FailureReason } from './migration/failure';
export type { MigrationState } from './migration/state';
export type { MigrationReading } from './monitor/snapshots';
export type {
  DefaultMetricsOptions,
  InstrumentMigrationsOptions,
  Meter,
  MeterInstrumentOptions,
  MeterOption,
  MetricsRegistry,
  MigrationsExporterOptions,
  ObserveMigrationsOptions,
} from './options/option.types';
export { observeMigrations } from './opentelemetry/observe-migrations';
export { MigrationsExporter } from './prometheus/exporter';
export {
  InvalidMigrationsError,
  InvalidOptionError,
  MissingClientError,
  NotADataSourceError,
  PrometheusMigrationsError,
  RegistryInUseError,
} from './prometheus-migrations.errors';
