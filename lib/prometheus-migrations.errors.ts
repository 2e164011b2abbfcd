/** Base class of all errors thrown by this package. Each message names the mistake, the value and the fix. */
export class PrometheusMigrationsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** An option, or the environment variable behind it, has a value that cannot work, or is not known. */
export class InvalidOptionError extends PrometheusMigrationsError {
  /**
   * @param option - the option, or the environment variable, at fault
   * @param problem - what is wrong with it, as the end of a sentence that begins with its name
   * @param fix - what to set it to instead, as a sentence
   */
  constructor(
    readonly option: string,
    problem: string,
    fix: string,
  ) {
    super(`PrometheusMigrationsModule: ${option} ${problem}. ${fix}`);
  }
}

/** Neither prom-client nor its successor can be loaded. */
export class MissingClientError extends PrometheusMigrationsError {
  /** @param places - files and folders from which they were looked for */
  constructor(places: readonly string[] = []) {
    super(
      'No Prometheus client is installed. ' +
        'Run `npm install prom-client`, or `npm install @prometheus-io/client` with Node.js 22 or later.' +
        (places.length === 0 ? '' : ` Looked for from: ${places.join(', ')}.`),
    );
  }
}

/** The registry already holds a metric of this name, which is none of this package's. */
export class RegistryInUseError extends PrometheusMigrationsError {}

/** The metrics' own port is in use. */
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

/** Something that is no TypeORM `DataSource` was passed as one. */
export class NotADataSourceError extends PrometheusMigrationsError {
  /** @param option - the option that holds it, if one does */
  constructor(option: string | undefined, alias: string, value: unknown) {
    const what = option === undefined ? `"${alias}"` : `PrometheusMigrationsModule: ${option}: "${alias}"`;
    super(
      `${what} is ${typeof value === 'string' ? 'a string' : describe(value)}, which is no TypeORM DataSource. ` +
        'Pass the instance that `new DataSource(...)` or `app.get(getDataSourceToken(...))` returns.',
    );
  }
}

/** The application does not start: its migrations are not up to date, and its options forbid that. */
export class MigrationsGateError extends PrometheusMigrationsError {}

/** TypeORM would refuse to run the migrations that the DataSource defines. */
export class InvalidMigrationsError extends PrometheusMigrationsError {}

/** What a string looks like that may hold a password: a URL, `user:password@host`, `password=…`. */
const SECRET = /:\/\/|:.*@|passw|pwd/i;
/** Letters, entries or keys that a message shows. */
const LONGEST_TEXT = 100;
const MOST_ENTRIES = 5;

/** A value as a message may show it: of an object, which may hold a password, no more than its keys or its class. */
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
