import { LONGEST_TIMER } from '../clock';
import { isDataSource } from '../data-source/brand';
import { NotADataSourceError } from '../prometheus-migrations.errors';
import type { Policy } from '../verdict/verdict';
import type {
  DefaultMetricsOptions,
  DriftOptions,
  Meter,
  MeterOption,
  MetricsRegistry,
  ReadinessOptions,
  ResolvedExporterOptions,
  ResolvedModuleOptions,
  ResolvedObserveOptions,
  ResolvedRunOptions,
  WaitOptions,
} from './option.types';

/** One option: its default, its environment variable, and its valid values. */
export interface OptionRow<T = unknown> {
  readonly default?: T | undefined;
  readonly variable?: string;
  /** Parses the variable's text. Returns an invalid value if the text is invalid. */
  readonly parse?: (text: string) => unknown;
  /** If one option of a group is set, the environment of the whole group is ignored. */
  readonly group?: string;
  /**
   * Checks a value.
   *
   * @param all - all options of the object
   */
  readonly valid: (value: unknown, all: Readonly<Record<string, unknown>>) => boolean;
  /** How to fix an invalid value, as a sentence. */
  readonly fix: string | ((value: unknown) => string);
  /** How to fix an invalid environment variable. */
  readonly fixVariable?: string;
  /** The nested options, if the value is an object of options. */
  readonly within?: Readonly<Record<string, OptionRow>>;
  /** Whether unknown nested options are allowed, because they are passed on to another library. */
  readonly isOpen?: boolean;
}

/** One row for each option. */
export type Rows<Options> = { readonly [K in keyof Options]-?: OptionRow<Options[K]> };

const NAMESPACE = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const PREFIX = /^[a-zA-Z0-9_:]+$/;
const NAME_RULE = 'Prometheus wants letters, digits, underscores and colons, and no digit in front.';
const isName = (value: unknown) => typeof value === 'string' && NAMESPACE.test(value);

const REGISTRY_METHODS = [
  'metrics',
  'getMetricsAsArray',
  'getSingleMetric',
  'registerMetric',
  'removeSingleMetric',
] as const satisfies readonly (keyof MetricsRegistry)[];

const missingMethod = (registry: unknown) =>
  REGISTRY_METHODS.find(
    (method) => typeof (registry as Partial<MetricsRegistry> | undefined)?.[method] !== 'function',
  );

/** The options of `MigrationsExporter`. */
export const EXPORTER_OPTIONS: Rows<ResolvedExporterOptions> = {
  namespace: {
    default: undefined,
    variable: 'PROMETHEUS_METRIC_NAMESPACE',
    valid: (value) => value === undefined || isName(value),
    fix: NAME_RULE,
  },
  prefix: {
    default: 'typeorm',
    valid: (value, { namespace }) =>
      typeof value === 'string' && (namespace === undefined ? NAMESPACE : PREFIX).test(value),
    fix: NAME_RULE,
  },
  registry: {
    default: undefined,
    valid: (value) => value === undefined || (value !== null && missingMethod(value) === undefined),
    fix: (value) => `Pass a prom-client compatible registry; this one has no ${missingMethod(value)}().`,
  },
  refresh: {
    default: 'scrape',
    valid: (value) => value === 'scrape' || value === 'bootstrap',
    fix: "Set it to 'scrape' or 'bootstrap'.",
  },
  maxAge: {
    default: 1000,
    valid: (value) => isNumber(value) && value >= 0,
    fix: 'Set it to a number of milliseconds, 0 or more.',
  },
  timeout: {
    default: 3000,
    valid: isTimer,
    fix: `Set it to a number of milliseconds, more than 0 and at most ${LONGEST_TIMER}.`,
  },
  concurrency: {
    default: 16,
    valid: (value) => Number.isSafeInteger(value) && (value as number) > 0,
    fix: 'Set it to a whole number of connections, 1 or more.',
  },
  dataSources: {
    default: {},
    valid: (value) => {
      if (!isPlainObject(value)) return false;
      for (const [alias, dataSource] of Object.entries(value)) {
        if (alias === '') return false;
        if (!isDataSource(dataSource)) throw new NotADataSourceError('dataSources', alias, dataSource);
      }
      return true;
    },
    fix: (value) =>
      isPlainObject(value) && '' in value
        ? 'Give each DataSource a name that is not empty.'
        : 'Pass an object of DataSources by alias.',
  },
  exclude: {
    default: [],
    variable: 'PROMETHEUS_MIGRATIONS_EXCLUDE',
    parse: (text) =>
      text
        .split(',')
        .map((alias) => alias.trim())
        .filter((alias) => alias !== ''),
    valid: isListOfStrings,
    fix: "Pass an array of aliases, as in ['default'].",
  },
};

const { namespace, prefix, registry, ...READING_OPTIONS } = EXPORTER_OPTIONS;

const METER_METHODS = [
  'createObservableGauge',
  'createObservableCounter',
  'createHistogram',
  'addBatchObservableCallback',
] as const satisfies readonly (keyof Meter)[];

/** Whether a value has the methods of a meter that are used. */
export function isMeter(value: unknown): value is Meter {
  const methods = (value ?? {}) as Partial<Record<keyof Meter, unknown>>;
  return METER_METHODS.every((method) => typeof methods[method] === 'function');
}

export const METER: OptionRow<MeterOption | undefined> & { readonly fix: string } = {
  default: undefined,
  valid: (value) => value === undefined || value === true || typeof value === 'function' || isMeter(value),
  fix: "Pass an OpenTelemetry meter, a function that returns one, as in () => metrics.getMeter('app'), or true.",
};

/** The options of `observeMigrations`, and its meter. */
export const OBSERVE_OPTIONS: Rows<ResolvedObserveOptions> = {
  namespace,
  prefix,
  ...READING_OPTIONS,
  meter: { ...METER, valid: (value) => value !== undefined && METER.valid(value, {}) },
};

/** The options of `instrumentMigrations`. */
export const RUN_OPTIONS: Rows<ResolvedRunOptions> = {
  namespace,
  prefix,
  registry,
  connection: {
    default: 'default',
    valid: (value) => typeof value === 'string' && value !== '',
    fix: "Set it to a name that is not empty, as 'default'.",
  },
  meter: METER,
};

const BOOLEANS = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

const PORT_RULE = 'Set it to a whole number from 0 (any free port) to 65535.';
/**
 * A path that routes and URLs take literally: no pattern, no query, nothing that a client or router rewrites.
 */
const PATH = /^(\/|(\/(?!\.{1,2}(\/|$))[\w\-.~@]+)+\/?)$/;

const ACTIONS: readonly unknown[] = ['ignore', 'warn', 'fail'];
const ACTION_RULE = "Set it to 'ignore', 'warn' or 'fail'.";

const BOOLEAN: OptionRow<boolean | undefined> = {
  valid: (value) => value === undefined || typeof value === 'boolean',
  fix: 'Set it to true or false.',
};

/** The policy options of `readiness` and of the health indicator's calls. */
export const POLICY_OPTIONS: Rows<Policy> = {
  allowUnapplied: {
    valid: (value) => value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0),
    fix: 'Set it to a whole number of migrations, 0 or more.',
  },
  allowUnknown: BOOLEAN,
  allowOutOfOrder: BOOLEAN,
  allowNoMigrations: BOOLEAN,
  connections: {
    valid: (value) =>
      value === undefined || (isListOfStrings(value) && value.length > 0 && !value.includes('')),
    fix: "Pass an array of at least one alias, as in ['default'], or leave it out to judge every connection.",
  },
  whenUnreadable: {
    valid: (value) => value === undefined || value === 'down' || value === 'last',
    fix: "Set it to 'down' or 'last'.",
  },
  once: BOOLEAN,
};

const READINESS_OPTIONS: Rows<ReadinessOptions> = {
  path: {
    valid: (value) => value === undefined || isPath(value),
    fix: "Begin it with a slash, as in '/readyz', without spaces, patterns or a query.",
  },
  ...POLICY_OPTIONS,
};

const TIMER: OptionRow<number> = {
  valid: isTimer,
  fix: `Set it to a number of milliseconds, more than 0 and at most ${LONGEST_TIMER}.`,
};

const WAIT_OPTIONS: Rows<WaitOptions> = { timeout: TIMER, interval: TIMER };

const MOST_FREQUENT_DRIFT = 1000;

const DRIFT_OPTIONS: Rows<DriftOptions> = {
  interval: {
    valid: (value) => isTimer(value) && value >= MOST_FREQUENT_DRIFT,
    fix: `Set it to a number of milliseconds, from ${MOST_FREQUENT_DRIFT} to ${LONGEST_TIMER}.`,
  },
  timeout: { ...TIMER, default: 30_000 },
  ignore: {
    valid: (value) =>
      value === undefined ||
      isListOf(
        value,
        (entry) =>
          (typeof entry === 'string' && entry !== '') ||
          entry instanceof RegExp ||
          typeof entry === 'function',
      ),
    fix: "Pass an array of texts, regular expressions or functions, as in ['orders.by_hand'].",
  },
  connections: POLICY_OPTIONS.connections,
};

const DEFAULT_METRICS_OPTIONS: Rows<Pick<DefaultMetricsOptions, 'prefix'>> = {
  prefix: { valid: (value) => value === undefined || value === '' || isName(value), fix: NAME_RULE },
};

/** The options of the module: those of the exporter and its own. */
export const MODULE_OPTIONS: Rows<ResolvedModuleOptions> = {
  ...EXPORTER_OPTIONS,
  exportMigrations: {
    default: true,
    variable: 'PROMETHEUS_EXPORT_MIGRATIONS',
    parse: (text) => BOOLEANS.get(text.trim().toLowerCase()),
    valid: (value) => typeof value === 'boolean' || typeof value === 'function',
    fix: 'Set it to true, false or a function that returns one of them.',
    fixVariable: 'Set it to true or false.',
  },
  path: {
    default: '/metrics',
    valid: (value) => value === false || isPath(value),
    fix: "Begin it with a slash, as in '/metrics', without spaces, patterns or a query; or set it to false for no controller.",
  },
  port: {
    default: undefined,
    variable: 'PROMETHEUS_METRICS_EXPORT_PORT',
    parse: (text) => (/^\d+$/.test(text) ? Number(text) : undefined),
    group: 'port',
    valid: (value) => value === undefined || isPort(value, 0),
    fix: PORT_RULE,
  },
  portRange: {
    default: undefined,
    variable: 'PROMETHEUS_METRICS_EXPORT_PORT_RANGE',
    parse: (text) => /^(\d+)-(\d+)$/.exec(text)?.slice(1).map(Number),
    group: 'port',
    valid: (value) => value === undefined || isPortRange(value),
    fix: 'Set it to [first, last] with whole numbers from 1 to 65535, the lower first.',
    fixVariable: "Set it to first-last, as '8001-8050', from 1 to 65535, the lower first.",
  },
  address: {
    default: '127.0.0.1',
    variable: 'PROMETHEUS_METRICS_EXPORT_ADDRESS',
    valid: (value) => typeof value === 'string' && value !== '',
    fix: "Set it to an address of this machine, as '127.0.0.1', '0.0.0.0' or '::'.",
  },
  defaultMetrics: {
    default: false,
    within: DEFAULT_METRICS_OPTIONS,
    isOpen: true,
    valid: (value) => typeof value === 'boolean' || isPlainObject(value),
    fix: "Set it to true, false or the client's configuration of default metrics.",
  },
  onUnapplied: { default: 'warn', valid: (value) => ACTIONS.includes(value), fix: ACTION_RULE },
  onUnreadable: { default: 'warn', valid: (value) => ACTIONS.includes(value), fix: ACTION_RULE },
  waitFor: {
    within: WAIT_OPTIONS,
    valid: (value) => value === undefined || isPlainObject(value),
    fix: 'Set it to { timeout, interval }, both in milliseconds.',
  },
  readiness: {
    within: READINESS_OPTIONS,
    valid: (value) => value === undefined || isPlainObject(value),
    fix: "Set it to an object, as in { path: '/readyz', once: true }.",
  },
  statusPath: {
    default: undefined,
    valid: (value) => value === undefined || isPath(value),
    fix: "Begin it with a slash, as in '/internal/migrations', without spaces, patterns or a query.",
  },
  title: {
    default: undefined,
    variable: 'PROMETHEUS_MIGRATIONS_TITLE',
    valid: (value) => value === undefined || (typeof value === 'string' && value.trim() !== ''),
    fix: "Set it to a text that is not empty, as in 'orders · production'.",
  },
  drift: {
    within: DRIFT_OPTIONS,
    valid: (value) => value === undefined || isPlainObject(value),
    fix: 'Set it to an object, as in { interval: 3_600_000 }.',
  },
  meter: METER,
};

function isPath(value: unknown): value is string {
  return typeof value === 'string' && PATH.test(value);
}

function isTimer(value: unknown): value is number {
  return isNumber(value) && value > 0 && value <= LONGEST_TIMER;
}

function isListOfStrings(value: unknown): value is string[] {
  return isListOf(value, (entry) => typeof entry === 'string');
}

function isListOf(value: unknown, isEntry: (entry: unknown) => boolean): boolean {
  // The spread turns holes into `undefined`: every() would skip them.
  return Array.isArray(value) && [...(value as unknown[])].every(isEntry);
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isPort(value: unknown, lowest: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= lowest && (value as number) <= 65_535;
}

function isPortRange(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [first, last] = value as unknown[];
  return isPort(first, 1) && isPort(last, 1) && first <= last;
}

/**
 * Whether a value is an object of options. It may be an instance of a class; a promise, a map or a date is
 * none.
 */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return ['[object Object]', '[object Module]'].includes(Object.prototype.toString.call(value));
}
