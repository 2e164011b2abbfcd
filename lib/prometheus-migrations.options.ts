import { type DefaultMetricsCollectorConfiguration, register, type RegistryContentType } from 'prom-client';
import type { DataSource } from 'typeorm';
import { isDataSource } from './data-source/data-source.brand';
import { describe, InvalidOptionError, NotADataSourceError } from './prometheus-migrations.errors';

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
   * The registry that the metrics are put into; one living exporter for each.
   * @defaultValue prom-client's `register`
   */
  registry?: MetricsRegistry | undefined;
  /**
   * `'scrape'`: read again when scraped. `'bootstrap'`: once at start-up, as django-prometheus does.
   * @defaultValue `'scrape'`
   */
  refresh?: 'scrape' | 'bootstrap' | undefined;
  /**
   * Milliseconds; a reading that began less than so long ago answers a scrape without a query.
   * @defaultValue `1000`
   */
  maxAge?: number | undefined;
  /**
   * Milliseconds that one connection's reading may take before it counts as failed, and that a scrape
   * or the start-up waits at the most.
   * @defaultValue `3000`
   */
  timeout?: number | undefined;
  /**
   * Connections read at the same time.
   * @defaultValue `16`
   */
  concurrency?: number | undefined;
  /**
   * DataSources that the container does not hold, by alias.
   * @defaultValue `{}`
   */
  dataSources?: Readonly<Record<string, DataSource>> | undefined;
  /**
   * Aliases to leave out.
   * @defaultValue `[]`
   */
  exclude?: readonly string[] | undefined;
}

/** Options of {@link PrometheusMigrationsModule}. An explicit one wins over its environment variable. */
export interface PrometheusMigrationsModuleOptions extends MigrationsExporterOptions {
  /**
   * Whether migrations are exported at start-up; a function is asked once, then. Where it is false
   * nothing is read and no migration series exists until the application itself calls
   * {@link MigrationsExporter.exportMigrations}. Environment: `PROMETHEUS_EXPORT_MIGRATIONS`.
   * @defaultValue `true`
   */
  exportMigrations?: boolean | (() => boolean | Promise<boolean>) | undefined;
  /**
   * Route of the controller that serves the registry; `false`: no controller.
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
   * `true`, or prom-client's configuration: collect process metrics into the registry as well.
   * @defaultValue `false`
   */
  defaultMetrics?:
    boolean | Omit<DefaultMetricsCollectorConfiguration<RegistryContentType>, 'register'> | undefined;
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
export type ResolvedExporterOptions = Resolved<MigrationsExporterOptions, 'namespace'>;
/** Module options with the environment and the defaults filled in. */
export type ResolvedModuleOptions = Resolved<
  PrometheusMigrationsModuleOptions,
  'namespace' | 'port' | 'portRange'
>;

/** `process.env`, or what stands for it. */
export type Environment = Readonly<Record<string, string | undefined>>;

const EXPORTER_DEFAULTS = {
  namespace: undefined,
  prefix: 'typeorm',
  registry: register,
  refresh: 'scrape',
  maxAge: 1000,
  timeout: 3000,
  concurrency: 16,
  dataSources: {},
  exclude: [],
} as const satisfies { [K in keyof Required<MigrationsExporterOptions>]: MigrationsExporterOptions[K] };

/** Where a port of its own serves the metrics if the application has no controller for them. */
export const DEFAULT_PATH = '/metrics';

const MODULE_DEFAULTS = {
  ...EXPORTER_DEFAULTS,
  exportMigrations: true,
  path: DEFAULT_PATH,
  port: undefined,
  portRange: undefined,
  address: '127.0.0.1',
  defaultMetrics: false,
} as const satisfies {
  [K in keyof Required<PrometheusMigrationsModuleOptions>]: PrometheusMigrationsModuleOptions[K];
};

/**
 * Checks the exporter's options and fills in the environment and the defaults.
 *
 * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a value that cannot work
 */
export function resolveExporterOptions(
  options: MigrationsExporterOptions,
  environment: Environment,
): ResolvedExporterOptions {
  const resolved = merge(EXPORTER_DEFAULTS, fromEnvironment(environment, ['namespace']), options);
  checkExporterOptions(resolved);
  return resolved;
}

/**
 * Checks the module's options and fills in the environment and the defaults.
 *
 * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a value that cannot work
 */
export function resolveModuleOptions(
  options: PrometheusMigrationsModuleOptions,
  environment: Environment,
): ResolvedModuleOptions {
  const resolved = merge<ResolvedModuleOptions>(
    MODULE_DEFAULTS,
    fromEnvironment(environment, [
      'namespace',
      'exportMigrations',
      'address',
      // Options beat the environment as a group: an explicit port wins over the environment's range.
      ...(options.port === undefined && options.portRange === undefined
        ? (['port', 'portRange'] as const)
        : []),
    ]),
    options,
  );
  checkExporterOptions(resolved);
  const { exportMigrations, path, port, portRange, address, defaultMetrics } = resolved;
  check(
    'exportMigrations',
    exportMigrations,
    ['boolean', 'function'].includes(typeof exportMigrations),
    'Set it to true, false or a function that returns one of them.',
  );
  check(
    'path',
    path,
    path === false || (typeof path === 'string' && path.startsWith('/')),
    "Begin it with a slash, as in '/metrics', or set it to false for no controller.",
  );
  check('port', port, port === undefined || isPort(port, 0), PORT_RULE);
  check('portRange', portRange, portRange === undefined || isPortRange(portRange), RANGE_RULE);
  check(
    'address',
    address,
    typeof address === 'string' && address !== '',
    "Set it to an address of this machine, as '127.0.0.1', '0.0.0.0' or '::'.",
  );
  check(
    'defaultMetrics',
    defaultMetrics,
    typeof defaultMetrics === 'boolean' || isPlainObject(defaultMetrics),
    "Set it to true, false or prom-client's configuration of default metrics.",
  );
  return resolved;
}

/** The part of the module's options that is the exporter's. */
export function exporterOptions(options: ResolvedModuleOptions): MigrationsExporterOptions {
  const { exportMigrations, path, port, portRange, address, defaultMetrics, ...rest } = options;
  return rest;
}

function merge<T extends object>(defaults: T, environment: object, options: object): T {
  const known = Object.keys(defaults);
  check('the options', options, isPlainObject(options), 'Pass an object, or leave it out.');
  for (const option of Object.keys(options)) {
    if (known.includes(option)) continue;
    throw new InvalidOptionError(option, 'is not an option', `Known are: ${known.join(', ')}.`);
  }
  return { ...defaults, ...environment, ...withoutUndefined(options) };
}

const ENVIRONMENT = {
  namespace: { variable: 'PROMETHEUS_METRIC_NAMESPACE', parse: parseNamespace },
  exportMigrations: { variable: 'PROMETHEUS_EXPORT_MIGRATIONS', parse: parseBoolean },
  port: { variable: 'PROMETHEUS_METRICS_EXPORT_PORT', parse: parsePort },
  portRange: { variable: 'PROMETHEUS_METRICS_EXPORT_PORT_RANGE', parse: parsePortRange },
  address: {
    variable: 'PROMETHEUS_METRICS_EXPORT_ADDRESS',
    parse: (_variable: string, value: string) => value,
  },
} as const;

function fromEnvironment(environment: Environment, options: readonly (keyof typeof ENVIRONMENT)[]): object {
  const found: Record<string, unknown> = {};
  for (const option of options) {
    const { variable, parse } = ENVIRONMENT[option];
    const value = environment[variable];
    if (value !== undefined && value !== '') found[option] = parse(variable, value);
  }
  return found;
}

const BOOLEANS = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

function parseBoolean(variable: string, value: string): boolean {
  const parsed = BOOLEANS.get(value.trim().toLowerCase());
  check(variable, value, parsed !== undefined, 'Set it to true or false.');
  return parsed === true;
}

const NAMESPACE = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const PREFIX = /^[a-zA-Z0-9_:]+$/;
const NAME_RULE = 'Prometheus wants letters, digits, underscores and colons, and no digit in front.';

function parseNamespace(variable: string, value: string): string {
  check(variable, value, NAMESPACE.test(value), NAME_RULE);
  return value;
}

const PORT_RULE = 'Set it to a whole number from 0 (any free port) to 65535.';
const RANGE_RULE = 'Set it to [first, last] with whole numbers from 1 to 65535, the lower first.';

function isPort(value: unknown, lowest: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= lowest && (value as number) <= 65_535;
}

function isPortRange(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [first, last] = value as unknown[];
  return isPort(first, 1) && isPort(last, 1) && first <= last;
}

function parsePort(variable: string, value: string): number {
  const port = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  check(variable, value, isPort(port, 0), PORT_RULE);
  return port;
}

function parsePortRange(variable: string, value: string): readonly [number, number] {
  const [, first, last] = /^(\d+)-(\d+)$/.exec(value) ?? [];
  const range = [Number(first), Number(last)] as const;
  check(
    variable,
    value,
    isPortRange(range),
    "Set it to first-last, as '8001-8050', from 1 to 65535, the lower first.",
  );
  return range;
}

/** Timers hold no more milliseconds; a longer one would fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

const REGISTRY_METHODS = [
  'metrics',
  'getMetricsAsArray',
  'getSingleMetric',
  'registerMetric',
  'removeSingleMetric',
] as const satisfies readonly (keyof MetricsRegistry)[];

function checkExporterOptions(options: ResolvedExporterOptions): void {
  const { namespace, prefix, registry, refresh, maxAge, timeout, concurrency, dataSources, exclude } =
    options;
  check(
    'namespace',
    namespace,
    namespace === undefined || (typeof namespace === 'string' && NAMESPACE.test(namespace)),
    NAME_RULE,
  );
  check(
    'prefix',
    prefix,
    typeof prefix === 'string' && (namespace === undefined ? NAMESPACE : PREFIX).test(prefix),
    NAME_RULE,
  );
  const missing = REGISTRY_METHODS.find((method) => typeof registry?.[method] !== 'function');
  check(
    'registry',
    registry,
    missing === undefined,
    `Pass a prom-client compatible registry; this one has no ${missing}().`,
  );
  check('refresh', refresh, ['scrape', 'bootstrap'].includes(refresh), "Set it to 'scrape' or 'bootstrap'.");
  check(
    'maxAge',
    maxAge,
    Number.isFinite(maxAge) && maxAge >= 0,
    'Set it to a number of milliseconds, 0 or more.',
  );
  check(
    'timeout',
    timeout,
    Number.isFinite(timeout) && timeout > 0 && timeout <= LONGEST_TIMER,
    `Set it to a number of milliseconds, more than 0 and at most ${LONGEST_TIMER}.`,
  );
  check(
    'concurrency',
    concurrency,
    Number.isSafeInteger(concurrency) && concurrency > 0,
    'Set it to a whole number of connections, 1 or more.',
  );
  check('dataSources', dataSources, isPlainObject(dataSources), 'Pass an object of DataSources by alias.');
  for (const [alias, dataSource] of Object.entries(dataSources)) checkDataSource(alias, dataSource);
  check(
    'exclude',
    exclude,
    Array.isArray(exclude) && exclude.every((alias) => typeof alias === 'string'),
    "Pass an array of aliases, as in ['default'].",
  );
}

/**
 * Checks an alias and the DataSource that is to be exported under it.
 *
 * @throws {@link InvalidOptionError} or {@link NotADataSourceError}
 */
export function checkDataSource(alias: string, dataSource: unknown): void {
  check('the alias of a DataSource', alias, typeof alias === 'string' && alias !== '', 'Give it a name.');
  if (!isDataSource(dataSource)) throw new NotADataSourceError(alias, dataSource);
}

function check(option: string, value: unknown, valid: boolean, fix: string): void {
  if (!valid) throw new InvalidOptionError(option, `is ${describe(value)}`, fix);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withoutUndefined(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
