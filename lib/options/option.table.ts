import { isDataSource } from '../data-source/brand';
import { clientOf, defaultRegistry } from '../prometheus/client';
import { NotADataSourceError } from '../prometheus-migrations.errors';
import type { Policy } from '../verdict/verdict';
import type {
  InstrumentMigrationsOptions,
  MetricsRegistry,
  MigrationsExporterOptions,
  PrometheusMigrationsModuleOptions,
} from './option.types';

/** One option: its default, its environment variable, and what a value must be. */
export interface OptionRow<T = unknown> {
  readonly default: T;
  readonly variable?: string;
  /** What the variable's text stands for; something that is not valid if it stands for nothing. */
  readonly parse?: (text: string) => unknown;
  /** Options of one group win over the environment of the whole group. */
  readonly group?: string;
  /** @param all - the other options */
  readonly valid: (value: unknown, all: Readonly<Record<string, unknown>>) => boolean;
  /** What to set it to instead, as a sentence. */
  readonly fix: string | ((value: unknown) => string);
  /** The same for its environment variable. */
  readonly fixVariable?: string;
}

type Rows<Options> = { readonly [K in keyof Required<Options>]: OptionRow<Options[K]> };

const NAMESPACE = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const PREFIX = /^[a-zA-Z0-9_:]+$/;
const NAME_RULE = 'Prometheus wants letters, digits, underscores and colons, and no digit in front.';
const isName = (value: unknown) => typeof value === 'string' && NAMESPACE.test(value);

/** Timers hold no more milliseconds; a longer one would fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

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
export const EXPORTER_OPTIONS: Rows<MigrationsExporterOptions> = {
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
    // Only asked if it is needed: with a registry given, no client need be loaded here.
    get default() {
      return defaultRegistry();
    },
    // With no client to make its metrics, it throws here, and not when the application has started its workers.
    valid: (value) =>
      value !== null &&
      missingMethod(value) === undefined &&
      clientOf(value as MetricsRegistry) !== undefined,
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

const { namespace, prefix, registry } = EXPORTER_OPTIONS;

/** The options of `instrumentMigrations`. */
export const RUN_OPTIONS: Rows<InstrumentMigrationsOptions> = {
  namespace,
  prefix,
  registry,
  connection: {
    default: 'default',
    valid: (value) => typeof value === 'string' && value !== '',
    fix: "Set it to a name that is not empty, as 'default'.",
  },
};

const BOOLEANS = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

const PORT_RULE = 'Set it to a whole number from 0 (any free port) to 65535.';
/** What a route and a URL take literally: no pattern, no query, nothing that a client or a router rewrites. */
const PATH = /^(\/|(\/(?!\.{1,2}(\/|$))[\w\-.~@]+)+\/?)$/;

const ACTIONS: readonly unknown[] = ['ignore', 'warn', 'fail'];
const ACTION_RULE = "Set it to 'ignore', 'warn' or 'fail'.";

/** The options of the module, after those of the exporter. */
export const MODULE_OPTIONS: Rows<PrometheusMigrationsModuleOptions> = {
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
    valid: (value) =>
      typeof value === 'boolean' ||
      (isPlainObject(value) &&
        (value['prefix'] === undefined || value['prefix'] === '' || isName(value['prefix']))),
    fix: (value) =>
      isPlainObject(value)
        ? `Its prefix is ${JSON.stringify(value['prefix'])}. ${NAME_RULE}`
        : "Set it to true, false or the client's configuration of default metrics.",
  },
  onUnapplied: { default: 'warn', valid: (value) => ACTIONS.includes(value), fix: ACTION_RULE },
  onUnreadable: { default: 'warn', valid: (value) => ACTIONS.includes(value), fix: ACTION_RULE },
  waitFor: {
    default: undefined,
    valid: (value) => value === undefined || isWait(value),
    fix: 'Set it to { timeout, interval }, both in milliseconds and more than 0.',
  },
  readiness: {
    default: undefined,
    valid: (value) => value === undefined || isReadiness(value),
    fix:
      "Set it to an object, as in { path: '/readyz', once: true }. " +
      "Known are: path, allowUnapplied (a number), allowUnknown, allowOutOfOrder, once (true or false), connections (aliases), whenUnreadable ('down' or 'last').",
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
};

/** The policy options of `readiness`, and of the health indicator. */
const POLICY: Readonly<Record<keyof Policy, (value: unknown) => boolean>> = {
  allowUnapplied: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  allowUnknown: isBoolean,
  allowOutOfOrder: isBoolean,
  connections: isListOfStrings,
  whenUnreadable: (value) => value === 'down' || value === 'last',
  once: isBoolean,
};

function isReadiness(value: unknown): boolean {
  if (!isPlainObject(value)) return false;
  const { path, ...policy } = value;
  return (path === undefined || isPath(path)) && isPolicy(policy);
}

/** Whether a value has options of a policy, and none but these. */
function isPolicy(value: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(value).every(
    ([option, given]) =>
      Object.hasOwn(POLICY, option) && (given === undefined || POLICY[option as keyof Policy](given)),
  );
}

function isWait(value: unknown): boolean {
  if (!isPlainObject(value)) return false;
  const { timeout, interval, ...rest } = value;
  return Object.keys(rest).length === 0 && [timeout, interval].every(isTimer);
}

function isPath(value: unknown): value is string {
  return typeof value === 'string' && PATH.test(value);
}

function isTimer(value: unknown): value is number {
  return isNumber(value) && value > 0 && value <= LONGEST_TIMER;
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function isListOfStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
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

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
