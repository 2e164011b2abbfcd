import type { DataSource } from 'typeorm';
import type { DriftDifference } from '../drift/reading';
import type { Policy } from '../verdict/verdict';

/**
 * What is needed of a registry: prom-client's has it, and so has any compatible one.
 */
export interface MetricsRegistry {
  readonly contentType: string;
  metrics(): Promise<string>;
  getMetricsAsArray(): readonly { readonly name: string }[];
  getSingleMetric(name: string): unknown;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each registry has a metric class of its own
  registerMetric(metric: any): void;
  removeSingleMetric(name: string): void;
}

/** What is needed of an OpenTelemetry meter: that of `@opentelemetry/api` has it. */
export interface Meter {
  createObservableGauge(name: string, options?: MeterInstrumentOptions): object;
  createObservableCounter(name: string, options?: MeterInstrumentOptions): object;
  createHistogram(
    name: string,
    options?: MeterInstrumentOptions,
  ): { record(value: number, attributes?: Record<string, string>): void };
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each copy of the API has types of its own
  addBatchObservableCallback(callback: (result: any) => Promise<void>, observables: any[]): void;
}

/** Options of an instrument of a {@link Meter}. */
export interface MeterInstrumentOptions {
  description?: string;
  unit?: string;
  advice?: { explicitBucketBoundaries?: number[] };
}

/**
 * An OpenTelemetry meter; a function that returns one, for a meter that exists only once the SDK is started;
 * or `true` for the meter of the global provider, for which `@opentelemetry/api` has to be installed.
 */
export type MeterOption = Meter | (() => Meter) | true;

/** Options of {@link MigrationsExporter}: what is exported, and how it is read. */
export interface MigrationsExporterOptions {
  /**
   * Put before every metric's name, with `_`. Environment: `PROMETHEUS_METRIC_NAMESPACE`.
   * @defaultValue none
   */
  namespace?: string | undefined;
  /**
   * Family prefix of every metric's name. `'django'` gives the names that dashboards for
   * django-prometheus query.
   * @defaultValue `'typeorm'`
   */
  prefix?: string | undefined;
  /**
   * The registry that the metrics are put into. Of several exporters with the same names on one
   * registry, the newest that is not closed has its metrics there.
   * @defaultValue `register` of the client that is installed; of both, prom-client's
   */
  registry?: MetricsRegistry | undefined;
  /**
   * `'scrape'`: read again when scraped. `'bootstrap'`: once, when the DataSource is ready, as
   * django-prometheus does.
   * @defaultValue `'scrape'`
   */
  refresh?: 'scrape' | 'bootstrap' | undefined;
  /**
   * Milliseconds; a reading that began less than so long ago answers a scrape without a query.
   * @defaultValue `1000`
   */
  maxAge?: number | undefined;
  /**
   * Milliseconds that one connection's reading may take before it counts as failed. A scrape, the first
   * readings at start-up and an `exportMigrations` function are waited for no longer.
   * @defaultValue `3000`
   */
  timeout?: number | undefined;
  /**
   * Connections read at the same time. With more connections, one that is not read within `timeout`
   * keeps its newest reading.
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

/** Options of {@link instrumentMigrations}. What is left out, the module that exports the DataSource decides. */
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
   * An OpenTelemetry meter that has the runs as well. A function is called at once.
   * @defaultValue that of the module that exports the DataSource
   */
  meter?: MeterOption | undefined;
}

/** Options of {@link observeMigrations}: what is observed, and how it is read. */
export type ObserveMigrationsOptions = Omit<MigrationsExporterOptions, 'registry'>;

/** Options of {@link PrometheusMigrationsModule}. An explicit one wins over its environment variable. */
export interface PrometheusMigrationsModuleOptions extends MigrationsExporterOptions {
  /**
   * Whether migrations are exported at start-up; a function is asked once, then. If it is false,
   * nothing is read and no migration series exists until the application itself calls
   * {@link MigrationsExporter.exportMigrations}. Environment: `PROMETHEUS_EXPORT_MIGRATIONS`.
   * @defaultValue `true`
   */
  exportMigrations?: boolean | (() => boolean | Promise<boolean>) | undefined;
  /**
   * Route of the controller that serves the registry, taken literally; `false`: no controller. A
   * controller that has the same route already keeps it.
   * @defaultValue `'/metrics'`
   */
  path?: string | false | undefined;
  /**
   * Serve the metrics on a port of their own as well; `0` takes any free one. One that is in use is an
   * error. Environment: `PROMETHEUS_METRICS_EXPORT_PORT`.
   * @defaultValue none
   */
  port?: number | undefined;
  /**
   * `[first, last]`: serve the metrics on the first port of these that is free; if none is, the log says
   * so. Wins over `port`. Environment: `PROMETHEUS_METRICS_EXPORT_PORT_RANGE`, as in `8001-8050`.
   * @defaultValue none
   */
  portRange?: readonly [first: number, last: number] | undefined;
  /**
   * Address that the port of its own is bound to. Environment: `PROMETHEUS_METRICS_EXPORT_ADDRESS`.
   * @defaultValue `'127.0.0.1'`
   */
  address?: string | undefined;
  /**
   * `true`, or a configuration: collect the client's process metrics into the registry as well.
   * @defaultValue `false`
   */
  defaultMetrics?: boolean | DefaultMetricsOptions | undefined;
  /**
   * What to do at start-up if a connection has unapplied migrations. `'warn'`: one line in the log.
   * `'fail'`: the application does not start, with a {@link MigrationsGateError}. A DataSource with
   * `synchronize: true` does not count.
   * @defaultValue `'warn'`
   */
  onUnapplied?: GateAction | undefined;
  /**
   * The same if a connection cannot be read.
   * @defaultValue `'warn'`
   */
  onUnreadable?: GateAction | undefined;
  /**
   * Wait at start-up until somebody else has applied the migrations. Ends at once if a connection is
   * `denied` or its migrations are invalid.
   * @defaultValue none
   */
  waitFor?: WaitOptions | undefined;
  /**
   * The policy of {@link MigrationsHealthIndicator}; with a `path`, also a probe without terminus.
   * @defaultValue none
   */
  readiness?: ReadinessOptions | undefined;
  /**
   * Route of the status page: JSON, and HTML for a browser, in the application and on the own port. It
   * shows the names of migrations.
   * @defaultValue none
   */
  statusPath?: string | undefined;
  /**
   * What the status page is headed with: the application and its environment, as in `orders · production`.
   * Environment: `PROMETHEUS_MIGRATIONS_TITLE`.
   * @defaultValue none
   */
  title?: string | undefined;
  /**
   * Read on an interval of its own what the entities want and the schema has not. Advisory: it is no part of
   * readiness or the start-up gate. Nothing is written.
   * @defaultValue none
   */
  drift?: DriftOptions | undefined;
  /**
   * An OpenTelemetry meter on which the same figures are observed. A function is called once, at bootstrap.
   * Where a Prometheus client is installed, the registry and `/metrics` are there as well.
   * @defaultValue none
   */
  meter?: MeterOption | undefined;
}

/** How drift of the schema is read. */
export interface DriftOptions {
  /** Milliseconds from the end of one look at all connections to the next; at least 1,000. */
  interval: number;
  /**
   * Milliseconds that one connection may take.
   * @defaultValue `30_000`
   */
  timeout?: number | undefined;
  /**
   * Differences that do not count: `table.name` or `change:table.name`, in which `*` stands for anything; a regular
   * expression, which is tested against `change:table.name`; or a function.
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
  /** Put before their names. */
  prefix?: string;
  /** Labels of all of them. */
  labels?: object;
  /** Seconds. */
  gcDurationBuckets?: number[];
  /** Milliseconds. */
  eventLoopMonitoringPrecision?: number;
}

/** What to do at start-up if migrations are unapplied or cannot be read. */
export type GateAction = 'ignore' | 'warn' | 'fail';

/** Policy of the readiness probe, and the path of one. */
export interface ReadinessOptions extends Policy {
  /**
   * Route that answers 200 or 503, in the application and on the own port.
   * @defaultValue none
   */
  path?: string | undefined;
}

/** How long to wait at start-up for somebody else to apply the migrations. */
export interface WaitOptions {
  /** Milliseconds until `onUnapplied` and `onUnreadable` decide. */
  timeout: number;
  /** Milliseconds between two readings. */
  interval: number;
}

/** What a class passed as `useClass` or `useExisting` to `forRootAsync` implements. */
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
/** Options of observation with the environment and the defaults filled in, and its meter. */
export type ResolvedObserveOptions = Resolved<ObserveMigrationsOptions, 'namespace'> & {
  readonly meter: MeterOption;
};
