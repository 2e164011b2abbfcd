import { InvalidMigrationsError } from '../prometheus-migrations.errors';

/** Every reason for which a connection's migrations cannot be read. */
export const FAILURE_REASONS = [
  'timeout',
  'unreachable',
  'denied',
  'uninitialized',
  'invalid_migrations',
  'other',
] as const;

/** Why a connection's migrations could not be read. */
export type FailureReason = (typeof FAILURE_REASONS)[number];

/** A failure with a known reason that did not come from a driver. */
export class MigrationFailure extends Error {
  constructor(readonly reason: FailureReason) {
    super(reason);
  }
}

/** Properties that a driver's error may have, each of any type. */
interface DriverError {
  code?: unknown;
  errno?: unknown;
  number?: unknown;
  message?: unknown;
  name?: unknown;
}

/** String codes of Node, SQLSTATE, MySQL, SQLite, Oracle, node-postgres and mssql. */
const REASON_BY_CODE: readonly (readonly [RegExp, FailureReason])[] = [
  [
    /^(57014|55P03|ER_QUERY_INTERRUPTED|ER_(LOCK_WAIT|QUERY|STATEMENT)_TIMEOUT|PROTOCOL_SEQUENCE_TIMEOUT)$/,
    'timeout',
  ],
  [/^(SQLITE_BUSY|ETIMEOUT|EREQTIMEOUT)/, 'timeout'],
  [/^(08...|57P0.|3D000|53300|55000)$/, 'unreachable'],
  [
    /^(ECONN|ENOTFOUND|EAI_|EHOST|ENET|EPIPE|EPROTO|ETIMEDOUT|ESOCKET|EADDR|ENOTCONN|ENOBUFS|EINSTLOOKUP)/,
    'unreachable',
  ],
  [/^E(NOTOPEN|NOENT|NOTDIR|NOTSOCK|ACCES|PERM|INVAL|MFILE|NFILE|CLOSE)$/, 'unreachable'],
  [/^E(NODATA|SERVFAIL|REFUSED|BADRESP|BADNAME)$/, 'unreachable'],
  [/^ERR_(SSL|TLS|OSSL|SOCKET|STREAM|INVALID_URL)/, 'unreachable'],
  // OpenSSL's codes for a refused certificate.
  [/^(CERT_|CRL_|ERROR_IN_C|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED)/, 'unreachable'],
  [/^(INVALID_(CA|PURPOSE)|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|UNSPECIFIED)$/, 'unreachable'],
  [/^(PROTOCOL_|POOL_|HANDSHAKE_|SQLITE_(CANTOPEN|IOERR))/, 'unreachable'],
  [/^ER_(SERVER_SHUTDOWN|BAD_DB|NO_DB|HANDSHAKE|NET_|\w*ABORTING_CONNECTION|NORMAL_SHUTDOWN)/, 'unreachable'],
  [/^ER_(CON_COUNT_ERROR|USER_LIMIT_REACHED|TOO_MANY_USER_CONNECTIONS)$/, 'unreachable'],
  [/^ER_(SERVER_OFFLINE_MODE|CLIENT_INTERACTION_TIMEOUT|CONNECTION_KILLED)$/, 'unreachable'],
  [
    /^(ORA-(01033|01034|01089|03113|03114|03135|12154|12170|125\d\d)|NJS-(003|040|500|503|510|511|521))$/,
    'unreachable',
  ],
  [/^(28...|42501)$/, 'denied'],
  [/^ER_(\w*ACCESS_DENIED\w*|HOST_NOT_PRIVILEGED|HOST_IS_BLOCKED|ACCOUNT_HAS_BEEN_LOCKED)$/, 'denied'],
  [
    /^(ER_(NOT_SUPPORTED_AUTH_MODE|SERVER_IS_IN_SECURE_AUTH_MODE|PLUGIN_IS_NOT_LOADED)$|AUTH_SWITCH_|MYSQL_CLEAR_PASSWORD)/,
    'denied',
  ],
  [
    /^(ER_MUST_CHANGE_PASSWORD|ER_SECURE_TRANSPORT_REQUIRED|ELOGIN|EFEDAUTH|SQLITE_(AUTH|PERM)|ORA-(01017|01031|2800\d|41900))/,
    'denied',
  ],
];

/** Numeric codes differ by driver: SQL Server's and HANA's errors, MongoDB's, gRPC's status. */
const REASON_BY_NUMBER: Readonly<Record<string, Readonly<Record<number, FailureReason>>>> = {
  mssql: { 229: 'denied', 230: 'denied', 916: 'denied', 18456: 'denied', 1222: 'timeout' },
  sap: { 10: 'denied', 258: 'denied', '-10709': 'unreachable', 131: 'timeout' },
  mongodb: { 13: 'denied', 18: 'denied', 8000: 'denied', 50: 'timeout' },
  spanner: { 4: 'timeout', 7: 'denied', 14: 'unreachable', 16: 'denied' },
  // max_statement_time: mysql2 has no name for this code.
  mariadb: { 1969: 'timeout' },
  mysql: { 1969: 'timeout' },
};

/** For errors without a code. The third entry is the word for the log; the default is the error's class. */
const REASON_BY_TEXT: readonly (readonly [RegExp, FailureReason, string?])[] = [
  [/query read timeout/i, 'timeout', 'query-timeout'],
  [/timeout expired|timeout exceeded when trying to connect/i, 'timeout', 'connect-timeout'],
  [/database is locked/i, 'timeout', 'locked'],
  [/no connections available|queue limit reached/i, 'timeout', 'pool-exhausted'],
  [/Mongo(WaitQueueTimeout|OperationTimeout)/, 'timeout'],
  [/ConnectionIsNotSetError|CannotExecuteNotConnectedError|ConnectionNotFoundError/, 'uninitialized'],
  [/password must be a (non-empty )?string/i, 'denied', 'no-password'],
  [/: SASL: /, 'denied', 'sasl'],
  [/permission denied|not authorized|access denied/i, 'denied', 'denied'],
  [/Mongo(MissingCredentials|AWS|Azure|GCP|OIDC|Kerberos)/, 'denied'],
  [
    /Mongo(Network|ServerSelection|ServerClosed|TopologyClosed|NotConnected|ClientClosed|PoolC|Parse)/,
    'unreachable',
  ],
  [/^URIError/, 'unreachable'],
  [/does not support SSL/i, 'unreachable', 'no-tls'],
  [/establishing an SSL connection|SSL profile/i, 'unreachable', 'tls'],
  [/connection timeout/i, 'unreachable', 'connect-timeout'],
  [/connection (error|terminated|is closed|closed|lost)|in closed state/i, 'unreachable', 'connection-lost'],
  [
    /pool is closed|pool after calling end|connection is not open|client was closed/i,
    'unreachable',
    'closed',
  ],
];

/** Why a collection failed, with a detail that is safe to log. */
export interface Failure {
  readonly reason: FailureReason;
  readonly detail?: string;
}

/**
 * Explains any thrown value. An error whose properties throw is `other`.
 *
 * @param type - the DataSource's `options.type`: two drivers use one number with different meanings
 */
export function failureOf(error: unknown, type: string): Failure {
  try {
    const reason = failureReason(error, type);
    const detail = failureDetail(error);
    return detail === undefined ? { reason } : { reason, detail };
  } catch {
    return { reason: 'other' };
  }
}

function failureReason(error: unknown, type: string): FailureReason {
  if (error instanceof MigrationFailure) return error.reason;
  if (error instanceof InvalidMigrationsError) return 'invalid_migrations';
  const { code, errno, number, name, message } = driverError(error);
  const byNumber = REASON_BY_NUMBER[type]?.[Number(text(number ?? code ?? errno))];
  if (byNumber !== undefined) return byNumber;
  const byCode = REASON_BY_CODE.find(([pattern]) => pattern.test(text(code)));
  if (byCode !== undefined) return byCode[1];
  return rowByText({ name, message })?.[1] ?? 'other';
}

function rowByText({ name, message }: DriverError) {
  return REASON_BY_TEXT.find(([pattern]) => pattern.test(`${text(name)}: ${text(message)}`));
}

const MISSING_TABLE_NUMBER: Readonly<Record<string, number>> = { mssql: 208, sap: 259 };

/** For drivers that report it only in the message. */
const MISSING_TABLE_TEXT: Readonly<Record<string, RegExp>> = {
  'aurora-mysql': /table .+ doesn't exist$/i,
  'aurora-postgres': /relation .+ does not exist/i,
  oracle: /ORA-00942/,
  spanner: /table not found/i,
};

/** Whether an error says that the migrations table does not exist. */
export function isMissingTable(error: unknown, type: string): boolean {
  try {
    return saysMissing(driverError(error), type);
  } catch {
    return false;
  }
}

function saysMissing({ code, number, message }: DriverError, type: string): boolean {
  return (
    code === '42P01' ||
    code === 'ER_NO_SUCH_TABLE' ||
    code === 'ORA-00942' ||
    (MISSING_TABLE_NUMBER[type] !== undefined &&
      MISSING_TABLE_NUMBER[type] === Number(text(number ?? code))) ||
    (MISSING_TABLE_TEXT[type] ?? /^no such table/).test(text(message))
  );
}

const MISSING_COLUMN_NUMBER: Readonly<Record<string, number>> = { mssql: 207, sap: 260 };

/** SQLite, the data APIs of Aurora, Spanner. */
const MISSING_COLUMN_TEXT =
  /no such column|unknown column|column .+ does not exist|ORA-00904|unrecognized name/i;

/** Whether an error says that a column that was selected does not exist. */
export function isMissingColumn(error: unknown, type: string): boolean {
  try {
    const { code, number, message } = driverError(error);
    if (code === '42703' || code === 'ER_BAD_FIELD_ERROR' || code === 'ORA-00904') return true;
    const known = MISSING_COLUMN_NUMBER[type];
    if (known !== undefined && known === Number(text(number ?? code))) return true;
    return MISSING_COLUMN_TEXT.test(text(message));
  } catch {
    return false;
  }
}

/** MySQL's longest code has 63 letters. */
const CODE = /^[\w-]{1,64}$/;

/**
 * Returns the detail that a log may show: our own message, the driver's code, our word for it, or the error's
 * class. A driver's message can contain hosts, users or SQL, so it is never shown.
 */
function failureDetail(error: unknown): string | undefined {
  if (error instanceof InvalidMigrationsError) return error.message;
  if (error instanceof MigrationFailure) return undefined;
  const failure = driverError(error);
  const { code, errno, number, name } = failure;
  const details = [code ?? number ?? errno, rowByText(failure)?.[2], name === 'Error' ? undefined : name];
  return details.map(text).find((detail) => CODE.test(detail));
}

/** Ignores a code or message that is neither a string nor a number. */
function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** Limit of nested errors: a longer chain is circular. */
const DEEPEST = 8;

/**
 * Finds the most specific error. TypeORM wraps the driver's error, Node gathers one error per address of a
 * host, and MongoDB's driver keeps the code in the cause of a cause.
 */
function driverError(thrown: unknown): DriverError {
  let error = thrown;
  let withoutCode: DriverError | undefined;
  for (let depth = 0; depth < DEEPEST && isObject(error); depth += 1) {
    const { driverError: inner, errors, code, errno, number, cause } = error as Record<string, unknown>;
    if (isObject(inner)) error = inner;
    else if ((code ?? errno ?? number) !== undefined) return error;
    else if (Array.isArray(errors) && errors.length > 0) error = errors[0] as unknown;
    else {
      withoutCode ??= error;
      error = cause;
    }
  }
  return withoutCode ?? (isObject(error) ? error : { message: text(error) });
}

function isObject(value: unknown): value is DriverError {
  return typeof value === 'object' && value !== null;
}
