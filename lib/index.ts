export type { ConnectionHealth, MigrationsHealthResult } from './health/indicator';
export { MigrationsHealthIndicator } from './health/indicator';
export { MetricsController } from './http/metrics.controller';
export { MigrationsStatusController } from './http/status.controller';
export type { FailureReason } from './migration/failure';
export type { MigrationState } from './migration/state';
export type { MigrationReading } from './monitor/snapshots';
export type {
  DefaultMetricsOptions,
  GateAction,
  InstrumentMigrationsOptions,
  MetricsRegistry,
  MigrationsExporterOptions,
  PrometheusMigrationsModuleOptions,
  PrometheusMigrationsOptionsFactory,
  ReadinessOptions,
  WaitOptions,
} from './options/option.types';
export { MigrationsExporter } from './prometheus/exporter';
export { instrumentMigrations } from './prometheus/instrument';
export { METRIC_NAMES, type MetricKey, type MetricNaming, metricNames } from './prometheus/names';
export {
  InvalidMigrationsError,
  InvalidOptionError,
  MigrationsGateError,
  MissingClientError,
  NotADataSourceError,
  PortInUseError,
  PrometheusMigrationsError,
  RegistryInUseError,
} from './prometheus-migrations.errors';
export { PrometheusMigrationsModule } from './prometheus-migrations.module';
export type { ConnectionReport, MigrationsReport } from './verdict/report';
export type { Forbidden, MigrationStatus, Policy } from './verdict/verdict';
