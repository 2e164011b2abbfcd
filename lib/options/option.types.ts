import type { DataSource } from 'typeorm';
import type { DriftDifference } from '../drift/reading';
import type { Policy } from '../verdict/verdict';

/**
 * The part of a Prometheus registry that this package uses. prom-client's registry and compatible ones have
 * it.
 */
export interface MetricsRegistry {
  readonly contentType: string;
  metrics(): Promise<string>;
  getMetricsAsArray(): readonly { readonly name: string }[];
  getSingleMetric(name: string): unknown;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each registry has its own metric class
  registerMetric(metric: any): void;
  removeSingleMetric(name: string): void;
}

/** The part of an OpenTelemetry meter that this package uses. The meter of `@opentelemetry/api` has it. */
export interface Meter {
  createObservableGauge(name: string, options?: MeterInstrumentOptions): object;
  createObservableCounter(name: string, options?: MeterInstrumentOptions): object;
  createHistogram(
    name: string,
    options?: MeterInstrumentOptions,
  ): { record(value: number, attributes?: Record<string, string>): void };
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each copy of the API has its own types
  addBatchObservableCallback(callback: (result: any) => Promise<void>, observables: any[]): void;
}

/** Options of an instrument of a {@link Meter}. */
export interface MeterInstrumentOptions {
  description?: string;
  unit?: string;
  advice?: { explicitBucketBoundaries?: number[] };
}

/**
 * An OpenTelemetry meter.
 *
 * Pass a function that returns one if the meter exists only after the SDK is started. Pass `true` for the
 * meter of the global provider, which needs `@opentelemetry/api`.
 */
export type MeterOption = Meter | (() => Meter) | true;

/** Options of {@link MigrationsExporter}. */
export interface MigrationsExporterOptions {
  /**
   * Prepended to the name of every metric, with `_`. Environment: `PROMETHEUS_METRIC_NAMESPACE`.
   * @defaultValue none
   */
  namespace?: string | undefined;
  /**
   * Family prefix in the name of every metric. `'django'` gives the names that dashboards for
   * django-prometheus query.
   * @defaultValue `'typeorm'`
   */
  prefix?: string | undefined;
  /**
   * The registry that holds the metrics. If several exporters use the same names on one registry, it holds
   * the metrics of the newest one that is not closed.
   * @defaultValue `register` of the installed client; prom-client's if both are installed
   */
  registry?: MetricsRegistry | undefined;
  /**
   * When to read. `'scrape'`: at each scrape. `'bootstrap'`: once, when the DataSource is ready, as
   * django-prometheus does.
   * @defaultValue `'scrape'`
   */
  refresh?: 'scrape' | 'bootstrap' | undefined;
  /**
   * Milliseconds for which a reading answers scrapes without a new query, counted from its start.
   * @defaultValue `1000`
   */
  maxAge?: number | undefined;
  /**
   * Milliseconds after which the reading of one connection counts as failed. It also limits a scrape, the
   * first readings at start-up and an `exportMigrations` function.
   * @defaultValue `3000`
   */
  timeout?: number | undefined;
  /**
   * Maximum number of connections read at the same time. With more connections, one that is not read within
   * `timeout` keeps its newest reading.
   * @defaultValue `16`
   */
  concurrency?: number | undefined;
  /**
   * DataSources that the container does not hold, by alias.
   * @defaultValue `{}`
   */
  dataSources?: Readonly<Record<string, DataSource>> | undefined;
  /**
   * Aliases to leave out. Environment: `PROMETHEUS_MIGRATIONS_EXCLUDE`, separated by commas.
   * @defaultValue `[]`
   */
  exclude?: readonly string[] | undefined;
}

/** Options of {@link instrumentMigrations}. Defaults come from the module that exports the DataSource. */
export interface InstrumentMigrationsOptions extends Pick<
  MigrationsExporterOptions,
  'namespace' | 'prefix' | 'registry'
> {
  /**
   * The label `connection` of the metrics.
   * @defaultValue the alias under which the DataSource is exported, else its `name`, else `'default'`
   */
  connection?: string | undefined;
  /**
   * An OpenTelemetry meter that also shows the runs. A function is called at once.
   * @defaultValue the meter of the module that exports the DataSource
   */
  meter?: MeterOption | undefined;
}

/** Options of {@link observeMigrations}. */
export type ObserveMigrationsOptions = Omit<MigrationsExporterOptions, 'registry'>;

/** Options of {@link PrometheusMigrationsModule}. An option overrides its environment variable. */
export interface PrometheusMigrationsModuleOptions extends MigrationsExporterOptions {
  /**
   * Whether to export migrations at start-up. A function is called once, at start-up. If `false`, nothing is
   * read and no migration series exists until the application calls {@link
   * MigrationsExporter.exportMigrations}. Environment: `PROMETHEUS_EXPORT_MIGRATIONS`.
   * @defaultValue `true`
   */
  exportMigrations?: boolean | (() => boolean | Promise<boolean>) | undefined;
  /**
   * Route of the controller that serves the registry, taken literally; `false`: no controller. If another
   * controller already has this route, that one keeps it.
   * @defaultValue `'/metrics'`
   */
  path?: string | false | undefined;
  /**
   * Serves the metrics on a separate port too; `0` takes any free port. A port that is in use is an error.
   * Environment: `PROMETHEUS_METRICS_EXPORT_PORT`.
   * @defaultValue none
   */
  port?: number | undefined;
  /**
   * `[first, last]`: serves the metrics on the first free port of this range. If no port is free, the log
   * says so. Overrides `port`. Environment: `PROMETHEUS_METRICS_EXPORT_PORT_RANGE`, as in `8001-8050`.
   * @defaultValue none
   */
  portRange?: readonly [first: number, last: number] | undefined;
  /**
   * Address to which the separate port is bound. Environment: `PROMETHEUS_METRICS_EXPORT_ADDRESS`.
   * @defaultValue `'127.0.0.1'`
   */
  address?: string | undefined;
  /**
   * `true` or a configuration: also collects the client's process metrics into the registry.
   * @defaultValue `false`
   */
  defaultMetrics?: boolean | DefaultMetricsOptions | undefined;
  /**
   * Action at start-up if a connection has unapplied migrations. `'warn'`: one line in the log. `'fail'`: the
   * application does not start and throws a {@link MigrationsGateError}. A DataSource with
   * `synchronize: true` is ignored.
   * @defaultValue `'warn'`
   */
  onUnapplied?: GateAction | undefined;
  /**
   * Action at start-up if a connection cannot be read. `'fail'`: as for `onUnapplied`. `'warn'` and `'ignore'` do the
   * same, because the log always has the reason.
   * @defaultValue `'warn'`
   */
  onUnreadable?: GateAction | undefined;
  /**
   * Waits at start-up until another process has applied the migrations. Ends at once if a connection is
   * `denied` or its migrations are invalid.
   * @defaultValue none
   */
  waitFor?: WaitOptions | undefined;
  /**
   * The policy of {@link MigrationsHealthIndicator}. A `path` also serves a probe without terminus.
   * @defaultValue none
   */
  readiness?: ReadinessOptions | undefined;
  /**
   * Route of the status page, in the application and on the separate port: JSON, and HTML for browsers. It
   * shows the names of migrations.
   * @defaultValue none
   */
  statusPath?: string | undefined;
  /**
   * Heading of the status page: the application and its environment, as in `orders · production`.
   * Environment: `PROMETHEUS_MIGRATIONS_TITLE`.
   * @defaultValue none
   */
  title?: string | undefined;
  /**
   * Compares the schema with the entities on a separate interval. Advisory: it affects neither readiness nor
   * the start-up gate. Nothing is written.
   * @defaultValue none
   */
  drift?: DriftOptions | undefined;
  /**
   * An OpenTelemetry meter that shows the same figures. A function is called once, at bootstrap. If a
   * Prometheus client is installed, the registry and `/metrics` are also there.
   * @defaultValue none
   */
  meter?: MeterOption | undefined;
}

/** Options for schema drift. */
export interface DriftOptions {
  /**
   * Milliseconds between the end of one check of all connections and the start of the next; at least 1,000.
   */
  interval: number;
  /**
   * Milliseconds that the check of one connection may take.
   * @defaultValue `30_000`
   */
  timeout?: number | undefined;
  /**
   * Differences to ignore: `table.name` or `change:table.name`, where `*` matches anything; a regular
   * expression, tested against `change:table.name`; or a function.
   * @defaultValue none
   */
  ignore?: readonly (string | RegExp | ((difference: DriftDifference) => boolean))[] | undefined;
  /**
   * Aliases of the connections.
   * @defaultValue all
   */
  connections?: readonly string[] | undefined;
}

/** Configuration of the process metrics: the client's, without its `register`. */
export interface DefaultMetricsOptions {
  /** Prepended to the names. */
  prefix?: string;
  /** Labels of all process metrics. */
  labels?: object;
  /** Buckets, in seconds. */
  gcDurationBuckets?: number[];
  /** Precision, in milliseconds. */
  eventLoopMonitoringPrecision?: number;
}

/** Action at start-up if migrations are unapplied or cannot be read. */
export type GateAction = 'ignore' | 'warn' | 'fail';

/** Policy and path of the readiness probe. */
export interface ReadinessOptions extends Policy {
  /**
   * Route that answers 200 or 503, in the application and on the own port.
   * @defaultValue none
   */
  path?: string | undefined;
}

/** How long to wait at start-up for another process to apply the migrations. */
export interface WaitOptions {
  /** Milliseconds until `onUnapplied` and `onUnreadable` decide. */
  timeout: number;
  /** Milliseconds between two readings. */
  interval: number;
}

/** Implemented by a class passed to `forRootAsync` as `useClass` or `useExisting`. */
export interface PrometheusMigrationsOptionsFactory {
  createPrometheusMigrationsOptions():
    Promise<PrometheusMigrationsModuleOptions> | PrometheusMigrationsModuleOptions;
}

type Resolved<T, Optional extends keyof T> = {
  readonly [K in Exclude<keyof T, Optional>]-?: Exclude<T[K], undefined>;
} & { readonly [K in Optional]?: T[K] };

/** Exporter options with the environment and the defaults filled in. */
export type ResolvedExporterOptions = Resolved<MigrationsExporterOptions, 'namespace' | 'registry'>;
/** Module options with the environment and the defaults filled in. */
export type ResolvedModuleOptions = Resolved<
  PrometheusMigrationsModuleOptions,
  | 'namespace'
  | 'registry'
  | 'drift'
  | 'port'
  | 'portRange'
  | 'waitFor'
  | 'readiness'
  | 'statusPath'
  | 'title'
  | 'meter'
> & { readonly drift?: (DriftOptions & { readonly timeout: number }) | undefined };
/** Options of instrumentation with the environment and the defaults filled in. */
export type ResolvedRunOptions = Resolved<InstrumentMigrationsOptions, 'namespace' | 'registry' | 'meter'>;
/** Options of observation with the environment and the defaults filled in, and the meter. */
export type ResolvedObserveOptions = Resolved<ObserveMigrationsOptions, 'namespace'> & {
  readonly meter: MeterOption;
};
