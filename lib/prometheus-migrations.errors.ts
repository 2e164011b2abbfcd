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

/** A policy names a connection that is not exported. */
export class UnknownConnectionError extends PrometheusMigrationsError {
  /** @param known - the aliases that there are */
  constructor(connection: string, known: readonly string[]) {
    super(
      `connections names ${describe(connection)}, which is not an exported connection. ` +
        `Known are: ${known.map(describe).join(', ') || 'none'}.`,
    );
  }
}

/** The application does not start: its migrations are not up to date, and its options forbid that. */
export class MigrationsGateError extends PrometheusMigrationsError {}

/** TypeORM would refuse to run the migrations that the DataSource defines. */
export class InvalidMigrationsError extends PrometheusMigrationsError {}

/** A value as a message may show it: of an object, which may hold a password, no more than its class. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return `the function ${value.name || '(anonymous)'}`;
  if (Array.isArray(value))
    return value.length > 0 && value.every(isNumber) ? `[${value.join(', ')}]` : 'an array';
  if (typeof value === 'object' && value !== null)
    return `an object of ${value.constructor?.name ?? 'no class'}`;
  return String(value);
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number';
}
