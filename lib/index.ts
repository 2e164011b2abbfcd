import './needs-nest';
export type { ConnectionHealth, MigrationsHealthResult } from './health/indicator';
export { MigrationsHealthIndicator } from './health/indicator';
export { MetricsController } from './http/metrics.controller';
export { MigrationsStatusController } from './http/status.controller';
export type { DriftChange, DriftDifference, DriftSkip } from './drift/reading';
export type { DriftReport } from './drift/report';
export type {
  DriftOptions,
  GateAction,
  PrometheusMigrationsModuleOptions,
  PrometheusMigrationsOptionsFactory,
  ReadinessOptions,
  WaitOptions,
} from './options/option.types';
export { MigrationsGateError, PortInUseError } from './prometheus-migrations.errors';
export { PrometheusMigrationsModule } from './prometheus-migrations.module';
export * from './standalone';
export type { ConnectionReport, MigrationsReport } from './verdict/report';
export type { Forbidden, MigrationStatus, Policy } from './verdict/verdict';
