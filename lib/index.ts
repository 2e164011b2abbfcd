export { type FailureReason, type MigrationReading, type MigrationState } from './migration/migration.state';
export { METRIC_NAMES, type MetricKey, type MetricNaming, metricNames } from './prometheus/metric.names';
export { MetricsController } from './prometheus/metrics.controller';
export { MigrationsExporter } from './prometheus/migrations.exporter';
export {
  InvalidMigrationsError,
  InvalidOptionError,
  NotADataSourceError,
  PortInUseError,
  PrometheusMigrationsError,
  RegistryInUseError,
} from './prometheus-migrations.errors';
export { PrometheusMigrationsModule } from './prometheus-migrations.module';
export type {
  MetricsRegistry,
  MigrationsExporterOptions,
  PrometheusMigrationsModuleOptions,
  PrometheusMigrationsOptionsFactory,
} from './prometheus-migrations.options';
