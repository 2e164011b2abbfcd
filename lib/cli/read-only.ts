import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import type { DataSource } from 'typeorm';
import { isRead } from './read-statement';

/** Replacements for TypeORM's methods, which a loaded file may call. */
export const WRITES_NOTHING = {
  runMigrations: () => Promise.resolve([]),
  undoLastMigration: () => Promise.resolve(),
  synchronize: () => Promise.resolve(),
  dropDatabase: () => Promise.resolve(),
};

/** Options that the command line overrides in every DataSource. */
const READ_ONLY = {
  subscribers: [],
  migrationsRun: false,
  synchronize: false,
  dropSchema: false,
  installExtensions: false,
  extensions: [],
  // The cache would create its own table.
  cache: false,
  enableWAL: false,
  // sql.js writes its file after each statement.
  autoSave: false,
  autoSaveCallback: undefined,
  // Keeps SQL out of a pipeline's output.
  logging: false,
  logger: undefined,
  maxQueryExecutionTime: undefined,
};

/** Methods of TypeORM's `Logger`. */
const SILENT = Object.fromEntries(
  ['logQuery', 'logQueryError', 'logQuerySlow', 'logSchemaBuild', 'logMigration', 'log'].map((method) => [
    method,
    () => undefined,
  ]),
);

/** Removes every way to write from a DataSource that is not connected yet. */
export function makeReadOnly(dataSource: DataSource, withEntities: boolean): void {
  // Building entities is slow, and not every loader supports it.
  override(dataSource, withEntities ? READ_ONLY : { ...READ_ONLY, entities: [] });
  Object.assign(dataSource, { logger: SILENT, queryResultCache: undefined });
}

/** Makes a DataSource open its existing SQLite file read-only. */
export function openReadOnly(dataSource: DataSource): void {
  override(dataSource, sqliteOptions(dataSource.options as unknown as Record<string, unknown>));
}

/**
 * Keeps files unchanged: sql.js has methods that write its in-memory file back, and SQLite creates the
 * folders of attached files.
 */
export function keepFiles(driver: object): void {
  if ('createDatabaseDirectory' in driver) driver.createDatabaseDirectory = () => Promise.resolve();
  if ('save' in driver && 'autoSave' in driver) driver.save = () => Promise.resolve();
}

function override(dataSource: DataSource, overrides: object): void {
  const { driver } = dataSource as unknown as { driver: { options: object } };
  // The driver has the same options object or a copy. Replace both, because the application's object may be
  // frozen or shared.
  driver.options = { ...driver.options, ...overrides };
  Object.assign(dataSource, { options: { ...dataSource.options, ...overrides } });
}

/** Returns the file of a SQLite database; `undefined` for a database in memory or of another type. */
export function sqliteFile({
  type,
  database,
  location,
}: Readonly<Record<string, unknown>>): string | undefined {
  const isSqlite = type === 'better-sqlite3' || type === 'sqlite' || type === 'sqljs';
  const file = type === 'sqljs' ? location : database;
  const isFile = isSqlite && typeof file === 'string' && file !== '' && !file.startsWith(':memory:');
  return isFile ? file : undefined;
}

const SQLITE3_OPEN_READONLY = 1;
const SQLITE3_OPEN_READWRITE = 2;

function sqliteOptions(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const file = sqliteFile(options);
  if (file === undefined) return {};
  const readonly = !isClosedWal(file);
  switch (options['type']) {
    case 'better-sqlite3':
      return {
        readonly,
        fileMustExist: true,
        prepareDatabase: queryOnly(options['prepareDatabase'] as Parameters<typeof queryOnly>[0]),
      };
    case 'sqlite':
      return { flags: readonly ? SQLITE3_OPEN_READONLY : SQLITE3_OPEN_READWRITE };
    default:
      return {};
  }
}

interface BetterSqlite3 {
  pragma(source: string, options?: unknown): unknown;
  exec(source: string): unknown;
}

/**
 * Wraps the application's `prepareDatabase`: it may set a cipher, and must not fail because the file is
 * read-only.
 */
function queryOnly(prepare: ((database: BetterSqlite3) => unknown) | undefined) {
  return async (database: BetterSqlite3): Promise<void> => {
    database.pragma('query_only = ON');
    keepJournal(database);
    try {
      await prepare?.(database);
    } catch (error) {
      if (!String((error as { code?: unknown }).code).startsWith('SQLITE_READONLY')) throw error;
    }
  };
}

const JOURNAL = /\bPRAGMA\s+(?:\w+\s*\.\s*)?(?:journal_mode|query_only)\b[^;]*/gi;

/** Drops changes of the journal mode: SQLite allows them even with `query_only`. */
function keepJournal(database: BetterSqlite3): void {
  const pragma = database.pragma.bind(database);
  const exec = database.exec.bind(database);
  database.pragma = (source, options) => (isRead(`PRAGMA ${source}`) ? pragma(source, options) : undefined);
  database.exec = (source) => exec(source.replace(JOURNAL, ''));
}

/** Bytes 18 and 19 of a SQLite file are 2 if its journal is a write-ahead log. */
const JOURNAL_OFFSET = 18;

/**
 * Whether a file uses a write-ahead log and is closed. SQLite creates `-wal` and `-shm` beside such a file
 * for every reader, and only a connection that may write removes them.
 */
function isClosedWal(file: string): boolean {
  // If it is not a file, the driver reports the error.
  if (!statSync(file).isFile() || existsSync(`${file}-wal`)) return false;
  const header = Buffer.alloc(2);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, header, 0, header.length, JOURNAL_OFFSET);
  } finally {
    closeSync(descriptor);
  }
  return header.includes(2);
}
