import { QueryFailedError } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { failureOf, isMissingColumn, isMissingTable, MigrationFailure } from '../../../lib/migration/failure';
import { InvalidMigrationsError } from '../../../lib/prometheus-migrations.errors';

function thrown(fields: object, message = 'secret.example.com SELECT 1') {
  return Object.assign(new Error(message), fields);
}

function raise(): never {
  throw new Error('somebody else');
}

function selfWrapping(property: string): Error {
  const error = new Error('x');
  return Object.assign(error, { [property]: error });
}

function gatheringItself(): Error {
  const error = Object.assign(new Error('x'), { errors: [] as unknown[] });
  error.errors.push(error);
  return error;
}

const failureReason = (error: unknown, type: string) => failureOf(error, type).reason;
const failureDetail = (error: unknown) => failureOf(error, 'postgres').detail;

describe('the reason', () => {
  it.each([
    ['postgres', thrown({ code: 'ECONNREFUSED' }), 'unreachable'],
    ['postgres', thrown({ code: '57P01' }), 'unreachable'],
    ['postgres', thrown({ code: '53300' }), 'unreachable'],
    ['postgres', thrown({ code: '55000' }), 'unreachable'],
    ['postgres', thrown({}, 'Connection terminated unexpectedly'), 'unreachable'],
    ['postgres', thrown({ code: '42501' }), 'denied'],
    ['postgres', thrown({ code: '28P01' }), 'denied'],
    ['postgres', thrown({ code: '57014' }), 'timeout'],
    ['postgres', thrown({}, 'timeout exceeded when trying to connect'), 'timeout'],
    ['postgres', thrown({ code: '42703' }), 'other'],
    ['mysql', thrown({ code: 'ER_TABLEACCESS_DENIED_ERROR', errno: 1142 }), 'denied'],
    ['mysql', thrown({ code: 'ER_ACCESS_DENIED_ERROR' }), 'denied'],
    ['mysql', thrown({ code: 'PROTOCOL_CONNECTION_LOST' }), 'unreachable'],
    ['mysql', thrown({ code: 'ER_LOCK_WAIT_TIMEOUT' }), 'timeout'],
    ['mysql', thrown({ code: 'PROTOCOL_SEQUENCE_TIMEOUT' }), 'timeout'],
    ['mariadb', thrown({ errno: 1969 }), 'timeout'],
    ['mysql', thrown({}, 'No connections available.'), 'timeout'],
    ['mysql', thrown({ code: 'ER_USER_LIMIT_REACHED' }), 'unreachable'],
    ['mysql', thrown({ code: 'ER_HOST_IS_BLOCKED' }), 'denied'],
    // Of the whole server, so they are not tried on a real one.
    ['mysql', thrown({ code: 'ER_CON_COUNT_ERROR', errno: 1040 }), 'unreachable'],
    ['mysql', thrown({ code: 'ER_SERVER_SHUTDOWN', errno: 1053 }), 'unreachable'],
    ['mysql', thrown({ code: 'ER_SERVER_OFFLINE_MODE', errno: 3032 }), 'unreachable'],
    ['mysql', thrown({ code: 'ER_CLIENT_INTERACTION_TIMEOUT', errno: 4031 }), 'unreachable'],
    ['mysql', thrown({ code: 'ER_SECURE_TRANSPORT_REQUIRED', errno: 3159 }), 'denied'],
    ['mysql', thrown({ code: 'ER_QUERY_TIMEOUT', errno: 3024 }), 'timeout'],
    ['mysql', thrown({ code: 'ER_QUERY_INTERRUPTED', errno: 1317 }), 'timeout'],
    ['postgres', thrown({}, 'Query read timeout'), 'timeout'],
    ['postgres', thrown({}, 'Client was closed and is not queryable'), 'unreachable'],
    ['postgres', thrown({ code: 'ENOENT' }), 'unreachable'],
    ['mongodb', thrown({ name: 'MongoWaitQueueTimeoutError' }), 'timeout'],
    ['mysql', thrown({}, "Can't add new command when connection is in closed state"), 'unreachable'],
    ['better-sqlite3', thrown({ code: 'SQLITE_BUSY' }), 'timeout'],
    ['better-sqlite3', thrown({ code: 'SQLITE_CANTOPEN' }), 'unreachable'],
    ['better-sqlite3', thrown({ code: 'SQLITE_CORRUPT' }), 'other'],
    ['mssql', thrown({ code: 'EREQUEST', number: 229 }), 'denied'],
    ['mssql', thrown({ code: 'ESOCKET' }), 'unreachable'],
    ['oracle', thrown({ code: 'ORA-01031' }), 'denied'],
    ['oracle', thrown({ code: 'ORA-12541' }), 'unreachable'],
    ['sap', thrown({ code: 258 }), 'denied'],
    ['mongodb', thrown({ code: 13 }), 'denied'],
    ['mongodb', thrown({ name: 'MongoServerSelectionError' }), 'unreachable'],
    ['spanner', thrown({ code: 14 }), 'unreachable'],
    ['postgres', thrown({ code: 'ERR_INVALID_URL', input: 'postgres://u:secret@db' }), 'unreachable'],
    ['postgres', thrown({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }), 'unreachable'],
    ['postgres', thrown({ code: 'SELF_SIGNED_CERT_IN_CHAIN' }), 'unreachable'],
    ['postgres', thrown({ code: 'CERT_NOT_YET_VALID' }), 'unreachable'],
    ['postgres', thrown({ code: 'CRL_HAS_EXPIRED' }), 'unreachable'],
    ['postgres', thrown({ code: 'INVALID_CA' }), 'unreachable'],
    ['postgres', thrown({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' }), 'unreachable'],
    ['postgres', thrown({ code: 'ERR_TLS_HANDSHAKE_TIMEOUT' }), 'unreachable'],
    ['postgres', thrown({ code: 'ERR_SOCKET_CONNECTION_TIMEOUT' }), 'unreachable'],
    ['postgres', thrown({ code: 'EPROTO' }), 'unreachable'],
    ['postgres', thrown({ code: 'EHOSTUNREACH' }), 'unreachable'],
    ['postgres', thrown({ code: 'ENETUNREACH' }), 'unreachable'],
    ['postgres', thrown({ code: 'EADDRNOTAVAIL' }), 'unreachable'],
    ['postgres', thrown({ code: 'EAI_AGAIN' }), 'unreachable'],
    ['postgres', thrown({ code: 'EPERM' }), 'unreachable'],
    ['postgres', thrown({ code: 'EMFILE' }), 'unreachable'],
    ['mongodb', thrown({ code: 'ENODATA' }), 'unreachable'],
    ['postgres', thrown({}, 'There was an error establishing an SSL connection'), 'unreachable'],
    ['postgres', thrown({}, 'Connection terminated due to connection timeout'), 'unreachable'],
    ['postgres', thrown({}, 'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'), 'denied'],
    ['postgres', thrown({}, 'SASL: SCRAM-SERVER-FINAL-MESSAGE: server signature does not match'), 'denied'],
    ['mysql', thrown({ code: 'ER_NOT_SUPPORTED_AUTH_MODE' }), 'denied'],
    ['mysql', thrown({ code: 'AUTH_SWITCH_PLUGIN_ERROR' }), 'denied'],
    ['mysql', thrown({ code: 'ER_MUST_CHANGE_PASSWORD_LOGIN' }), 'denied'],
    ['mysql', thrown({ code: 'ER_DBACCESS_DENIED_ERROR' }), 'denied'],
    ['mysql', thrown({ code: 'HANDSHAKE_UNKNOWN_ERROR' }), 'unreachable'],
    ['mysql', thrown({ code: 'ER_HANDSHAKE_ERROR' }), 'unreachable'],
    ['mysql', thrown({ code: 'ER_NET_READ_ERROR' }), 'unreachable'],
    ['mysql', thrown({ code: 'ER_NEW_ABORTING_CONNECTION' }), 'unreachable'],
    ['mysql', thrown({ code: 'ER_PARSE_ERROR' }), 'other'],
    ['mongodb', thrown({ name: 'MongoParseError' }), 'unreachable'],
    ['mongodb', thrown({ name: 'MongoMissingCredentialsError' }), 'denied'],
    ['mongodb', thrown({ name: 'MongoInvalidArgumentError' }), 'other'],
    ['postgres', thrown({ code: 'UNSPECIFIED' }), 'unreachable'],
    ['postgres', thrown({ code: 'ENOTCONN' }), 'unreachable'],
    ['mariadb', thrown({ code: 'ER_CONNECTION_KILLED', errno: 1927 }), 'unreachable'],
    ['mssql', thrown({ code: 'EFEDAUTH' }), 'denied'],
    ['oracle', thrown({ code: 'ORA-12170' }), 'unreachable'],
    ['oracle', thrown({ code: 'ORA-01033' }), 'unreachable'],
    ['oracle', thrown({ code: 'NJS-511' }), 'unreachable'],
    ['oracle', thrown({ code: 'ORA-28000' }), 'denied'],
    ['mongodb', thrown({ name: 'MongoAzureError' }), 'denied'],
    // The same number in another driver means something else.
    ['mysql', thrown({ code: 13 }), 'other'],
    ['postgres', 'a string', 'other'],
    ['postgres', undefined, 'other'],
  ] as const)('%s %o: %s', (type, error, reason) => {
    expect(failureReason(error, type)).toBe(reason);
  });

  it.each([
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    'ER_USER_ACCESS_DENIED_FOR_USER_ACCOUNT_BLOCKED_BY_PASSWORD_LOCK',
  ])('is told with the longest of codes: %s', (code) => {
    expect(failureOf(thrown({ code }), 'mysql')).toEqual({
      reason: code.startsWith('ER_') ? 'denied' : 'unreachable',
      detail: code,
    });
  });

  it("looks into TypeORM's wrapper and into what the addresses of a host threw", () => {
    expect(failureReason(new QueryFailedError('SELECT 1', [], thrown({ code: '42501' })), 'postgres')).toBe(
      'denied',
    );
    const both = new AggregateError([thrown({ code: 'ECONNREFUSED' }), thrown({ code: 'ECONNREFUSED' })]);
    expect(failureReason(both, 'postgres')).toBe('unreachable');
  });

  it("is that of a cause's code where the error has none", () => {
    const network = thrown({ name: 'MongoNetworkError', cause: thrown({ code: 'CERT_HAS_EXPIRED' }) });
    const error = thrown({ name: 'MongoServerSelectionError', cause: network });
    expect(failureOf(error, 'mongodb')).toEqual({ reason: 'unreachable', detail: 'CERT_HAS_EXPIRED' });
    const denied = thrown({ name: 'MongoServerSelectionError', cause: thrown({ code: 18 }) });
    expect(failureOf(denied, 'mongodb')).toEqual({ reason: 'denied', detail: '18' });
    const without = thrown({
      name: 'MongoServerSelectionError',
      cause: thrown({ name: 'MongoNetworkError' }),
    });
    expect(failureOf(without, 'mongodb')).toEqual({
      reason: 'unreachable',
      detail: 'MongoServerSelectionError',
    });
  });

  it.each([
    ['that is its own cause', () => selfWrapping('cause')],
    ['that wraps itself', () => selfWrapping('driverError')],
    ['that gathers itself', () => gatheringItself()],
    ['with a code that has no prototype', () => thrown({ code: Object.create(null) as object })],
    ['with a symbol for a code', () => thrown({ code: Symbol('code') })],
    ['with a getter that throws', () => Object.defineProperty({}, 'code', { get: () => raise() })],
    ['without a prototype', () => Object.create(null) as object],
  ])('of an error %s is other', (_shape, create) => {
    const error = create();
    expect(failureOf(error, 'postgres')).toEqual({ reason: 'other' });
    expect(isMissingTable(error, 'postgres')).toBe(false);
  });

  it('of a proxy that throws is other', () => {
    const error = new Proxy({}, { get: () => raise(), getPrototypeOf: () => raise() });
    expect(failureOf(error, 'postgres')).toEqual({ reason: 'other' });
    expect(isMissingTable(error, 'postgres')).toBe(false);
  });

  it('of an error that wraps itself is that of its own code', () => {
    expect(failureReason(Object.assign(selfWrapping('driverError'), { code: '42501' }), 'postgres')).toBe(
      'denied',
    );
  });

  it('knows our own failures', () => {
    expect(failureReason(new InvalidMigrationsError('x'), 'mysql')).toBe('invalid_migrations');
    expect(failureReason(new MigrationFailure('denied'), 'mysql')).toBe('denied');
  });
});

describe('isMissingTable', () => {
  it.each([
    ['postgres', thrown({ code: '42P01' })],
    ['cockroachdb', thrown({ code: '42P01' })],
    ['mysql', thrown({ code: 'ER_NO_SUCH_TABLE' })],
    ['mssql', thrown({ number: 208 })],
    ['sap', thrown({ code: 259 })],
    ['oracle', thrown({ code: 'ORA-00942' })],
    ['oracle', thrown({}, 'ORA-00942: table or view does not exist')],
    ['better-sqlite3', thrown({ code: 'SQLITE_ERROR' }, 'no such table: migrations')],
    ['spanner', thrown({ code: 3 }, 'Table not found: migrations')],
    ['aurora-postgres', thrown({}, 'ERROR: relation "migrations" does not exist')],
    ['aurora-mysql', thrown({}, "Table 'shop.migrations' doesn't exist")],
  ] as const)('%s %o', (type, error) => {
    expect(isMissingTable(error, type)).toBe(true);
  });

  it.each([
    ['postgres', thrown({ code: '42501' }, 'permission denied for table migrations')],
    [
      'mysql',
      thrown({ code: 'ER_TABLEACCESS_DENIED_ERROR' }, "SELECT command denied for table 'migrations'"),
    ],
    ['mssql', thrown({ number: 229 })],
    ['postgres', thrown({ code: 208 })],
    // Lost in the engine is not missing: the rows are unknown.
    ['mariadb', thrown({ errno: 1932 }, "Table 'shop.migrations' doesn't exist in engine")],
    ['postgres', thrown({ code: 'ECONNREFUSED' })],
  ] as const)('not %s %o', (type, error) => {
    expect(isMissingTable(error, type)).toBe(false);
  });
});

describe('isMissingColumn', () => {
  it.each([
    ['postgres', thrown({ code: '42703' })],
    ['mysql', thrown({ code: 'ER_BAD_FIELD_ERROR' })],
    ['mssql', thrown({ number: 207 })],
    ['sap', thrown({ code: 260 })],
    ['oracle', thrown({ code: 'ORA-00904' })],
    ['oracle', thrown({}, 'ORA-00904: "name": invalid identifier')],
    ['sqlite', thrown({ code: 'SQLITE_ERROR' }, 'SQLITE_ERROR: no such column: m.name')],
    ['sqljs', thrown({}, 'no such column: m.name')],
    ['spanner', thrown({ code: 3 }, 'Unrecognized name: name [at 1:8]')],
    ['aurora-postgres', thrown({}, 'ERROR: column "name" does not exist')],
    ['aurora-mysql', thrown({}, "Unknown column 'name' in 'field list'")],
  ] as const)('%s %o', (type, error) => {
    expect(isMissingColumn(error, type)).toBe(true);
  });

  it.each([
    ['postgres', thrown({ code: '42P01' }, 'relation "migrations" does not exist')],
    ['postgres', thrown({ code: 207 })],
    ['better-sqlite3', thrown({ code: 'SQLITE_ERROR' }, 'no such table: migrations')],
    ['mysql', thrown({ code: 'ECONNREFUSED' })],
  ] as const)('not %s %o', (type, error) => {
    expect(isMissingColumn(error, type)).toBe(false);
  });
});

describe('the detail', () => {
  it("tells a driver's code, never its words", () => {
    expect(failureDetail(thrown({ code: 'ECONNREFUSED' }))).toBe('ECONNREFUSED');
    expect(failureDetail(thrown({ number: 229 }))).toBe('229');
    expect(failureDetail(thrown({ errno: 1932 }))).toBe('1932');
    expect(failureDetail(thrown({}))).toBeUndefined();
    expect(failureDetail(thrown({ code: 'at secret.example.com' }))).toBeUndefined();
  });

  it.each([
    ['no-tls', thrown({}, 'The server does not support SSL connections')],
    ['connection-lost', thrown({}, 'Connection terminated unexpectedly')],
    ['connect-timeout', thrown({}, 'timeout expired')],
    ['no-password', thrown({}, 'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string')],
    ['URIError', new URIError('URI malformed')],
    ['MongoParseError', thrown({ name: 'MongoParseError' }, 'mongodb://u:secret@db')],
    ['ERR_INVALID_URL', thrown({ code: 'ERR_INVALID_URL', input: 'postgres://u:secret@db' }, 'Invalid URL')],
  ])('is %s where the driver gives no code, or one that is enough', (detail, error) => {
    expect(failureDetail(error)).toBe(detail);
  });

  it('tells our own message', () => {
    expect(failureDetail(new InvalidMigrationsError('The migration "A" …'))).toBe('The migration "A" …');
    expect(failureDetail(new MigrationFailure('denied'))).toBeUndefined();
  });
});
