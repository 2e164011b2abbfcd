/** Base class of all errors thrown by this package. Each message names the mistake, the value and the fix. */
export class PrometheusMigrationsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** Thrown if an option or its environment variable is unknown or has an invalid value. */
export class InvalidOptionError extends PrometheusMigrationsError {
  /**
   * @param option - the option, or the environment variable, at fault
   * @param problem - the problem, as the end of a sentence that begins with the option's name
   * @param fix - how to fix it, as a sentence
   */
  constructor(
    readonly option: string,
    problem: string,
    fix: string,
  ) {
    super(`PrometheusMigrationsModule: ${option} ${problem}. ${fix}`);
  }
}

/** Thrown if neither prom-client nor its successor can be loaded. */
export class MissingClientError extends PrometheusMigrationsError {
  /** @param places - files and folders that were searched */
  constructor(places: readonly string[] = []) {
    super(
      'No Prometheus client is installed. ' +
        'Run `npm install prom-client`, or `npm install @prometheus-io/client` with Node.js 22 or later.' +
        (places.length === 0 ? '' : ` Looked for from: ${places.join(', ')}.`),
    );
  }
}

/** Thrown if the registry already holds another metric with this name. */
export class RegistryInUseError extends PrometheusMigrationsError {}

/** Thrown if the separate port for the metrics is in use. */
export class PortInUseError extends PrometheusMigrationsError {
  constructor(
    readonly address: string,
    readonly port: number,
  ) {
    super(
      `Port ${port} on ${address} is in use. ` +
        'Set the option port to another, or portRange to take the first free one of several.',
    );
  }
}

/** Thrown if a value passed as a DataSource is not a TypeORM `DataSource`. */
export class NotADataSourceError extends PrometheusMigrationsError {
  /** @param option - the option that holds it, if any */
  constructor(option: string | undefined, alias: string, value: unknown) {
    const what = option === undefined ? `"${alias}"` : `PrometheusMigrationsModule: ${option}: "${alias}"`;
    super(
      `${what} is ${typeof value === 'string' ? 'a string' : describe(value)}, which is not a TypeORM DataSource. ` +
        'Pass the instance that `new DataSource(...)` or `app.get(getDataSourceToken(...))` returns.',
    );
  }
}

/** Thrown at start-up if the migrations are not up to date and the options are set to `fail`. */
export class MigrationsGateError extends PrometheusMigrationsError {}

/** Thrown if TypeORM would refuse to run the migrations of a DataSource. */
export class InvalidMigrationsError extends PrometheusMigrationsError {}

/** Matches strings that may hold a password: a URL, `user:password@host`, `password=…`. */
const SECRET = /:\/\/|:.*@|passw|pwd/i;
/** Limits of letters, and of entries or keys, in a message. */
const LONGEST_TEXT = 100;
const MOST_ENTRIES = 5;

/** Formats a value for a message. An object may hold a password, so only its keys or its class are shown. */
export function describe(value: unknown): string {
  if (typeof value === 'string')
    return SECRET.test(value) ? 'a string that may hold a password' : quoted(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return `the function ${value.name || '(anonymous)'}`;
  if (Array.isArray(value)) return `[${firstOf(value.map(describeEntry)).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const { constructor } = (Object.getPrototypeOf(value) ?? Object.prototype) as { constructor?: unknown };
  const name = typeof constructor === 'function' ? constructor.name : 'Object';
  if (name !== 'Object') return `an object of ${name}`;
  const entries = firstOf(
    Object.keys(value).map((key) => `${/^[\w$]+$/.test(key) ? key : describe(key)}: …`),
  );
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}

function describeEntry(entry: unknown): string {
  return typeof entry === 'object' && entry !== null ? '…' : describe(entry);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text);
}

function firstOf(entries: readonly string[]): string[] {
  return entries.length > MOST_ENTRIES ? [...entries.slice(0, MOST_ENTRIES), '…'] : [...entries];
}
