export { MetricsController } from './http/metrics.controller';
export type { FailureReason } from './migration/failure';
export type { MigrationState } from './migration/state';
export type { MigrationReading } from './monitor/snapshots';
export type {
  MetricsRegistry,
  MigrationsExporterOptions,
  PrometheusMigrationsModuleOptions,
  PrometheusMigrationsOptionsFactory,
} from './options/option.types';
export { MigrationsExporter } from './prometheus/exporter';
export { METRIC_NAMES, type MetricKey, type MetricNaming, metricNames } from './prometheus/names';
export {
  InvalidMigrationsError,
  InvalidOptionError,
  NotADataSourceError,
  PortInUseError,
  PrometheusMigrationsError,
  RegistryInUseError,
} from './prometheus-migrations.errors';
export { PrometheusMigrationsModule } from './prometheus-migrations.module';
