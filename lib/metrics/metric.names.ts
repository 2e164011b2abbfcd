/** The start of every metric's name: `[namespace_]prefix`. */
export interface MetricNaming {
  namespace?: string | undefined;
  /** @defaultValue `'typeorm'` */
  prefix?: string | undefined;
}

const NAMES = {
  applied: 'migrations_applied_total',
  unapplied: 'migrations_unapplied_total',
  defined: 'migrations_defined',
  unknown: 'migrations_unknown',
  outOfOrder: 'migrations_out_of_order',
  newestApplied: 'migrations_newest_applied_timestamp_seconds',
  oldestUnapplied: 'migrations_oldest_unapplied_timestamp_seconds',
  info: 'migrations_info',
  collectionSuccess: 'migrations_collection_success',
  collectionDuration: 'migrations_collection_duration_seconds',
  lastSuccess: 'migrations_last_success_timestamp_seconds',
  collectionErrors: 'migrations_collection_errors_total',
  schemaDrift: 'migrations_schema_drift_statements',
  schemaDriftLastSuccess: 'migrations_schema_drift_last_success_timestamp_seconds',
  runDuration: 'migrations_run_duration_seconds',
  runsInProgress: 'migrations_runs_in_progress',
  lastRun: 'migrations_last_run_timestamp_seconds',
} as const;

/** Key of a metric in {@link METRIC_NAMES} and {@link metricNames}. */
export type MetricKey = keyof typeof NAMES;

/** Returns the start of every metric's name. */
export function familyOf({ namespace, prefix = 'typeorm' }: MetricNaming): string {
  return namespace === undefined ? prefix : `${namespace}_${prefix}`;
}

/** Returns the metrics' names for a namespace and a prefix. */
export function metricNames({ namespace, prefix }: MetricNaming): Readonly<Record<MetricKey, string>> {
  const start = familyOf({ namespace, prefix });
  return Object.freeze(
    Object.fromEntries(Object.entries(NAMES).map(([key, name]) => [key, `${start}_${name}`])),
  ) as Record<MetricKey, string>;
}

/** The metrics' default names, for rules, dashboards and tests. */
export const METRIC_NAMES = metricNames({});
