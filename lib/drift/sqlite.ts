import type { DataSource, QueryRunner } from 'typeorm';
import type { Queryable, QueryArguments } from '../migration/connection';
import { DriftSkipped } from './reading';
import { SchemaView } from './schema-view';
import type { Session } from './session';

interface SqliteDriver {
  connect(): Promise<void>;
  attachDatabases?(): Promise<void>;
  createQueryRunner(mode: 'master'): QueryRunner;
  databaseConnection?: { close(): unknown };
}

/** sqlite3's `OPEN_READONLY`. */
const OPEN_READONLY = 1;

/**
 * A second, read-only connection to the file of a SQLite database. The first one has a single query runner: a
 * schema builder on it would swallow statements of the application.
 *
 * There is no transaction: it would keep the application from committing.
 */
export class SqliteSession implements Session {
  readonly view: SchemaView;
  readonly runner: QueryRunner;
  private readonly driver: SqliteDriver;
  /** The class's methods, because the driver's own may be a guard that is bound to the first connection. */
  private readonly driverClass: SqliteDriver;
  private isGone = false;

  constructor(dataSource: DataSource) {
    const options = dataSource.options as unknown as Readonly<Record<string, unknown>>;
    if (!isFile(options['database'])) throw new DriftSkipped('shared_connection');
    this.view = new SchemaView(dataSource, {
      options: { ...options, ...readOnly(options) },
      queryRunner: undefined,
      databaseConnection: undefined,
      createDatabaseDirectory: async () => {},
    });
    this.driver = this.view.driver;
    this.driverClass = Object.getPrototypeOf(dataSource.driver) as SqliteDriver;
    this.runner = this.driverClass.createQueryRunner.call(this.driver, 'master');
    // attachDatabases() uses it.
    this.view.dataSource.createQueryRunner = () => this.runner;
  }

  async begin(): Promise<void> {
    await this.driverClass.connect.call(this.driver);
    await this.driver.attachDatabases?.();
    if (this.isGone) this.close();
  }

  async query<Row>(statement: string, ...rest: QueryArguments): Promise<readonly Row[]> {
    if (this.isGone) throw new DriftSkipped('timeout');
    return (await (this.runner as Queryable).query(statement, ...rest)) as readonly Row[];
  }

  async end(): Promise<void> {
    this.destroy();
  }

  destroy(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.close();
  }

  private close(): void {
    try {
      this.driver.databaseConnection?.close();
    } catch {
      // It was not open.
    }
  }
}

function isFile(database: unknown): boolean {
  return typeof database === 'string' && database !== '' && !/:memory:|mode=memory/.test(database);
}

function readOnly(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return {
    readonly: true,
    flags: OPEN_READONLY,
    fileMustExist: true,
    enableWAL: false,
    // Waiting for a lock would block the event loop, and so the application that holds the lock.
    timeout: 0,
    verbose: undefined,
    prepareDatabase: tolerant(options['prepareDatabase']),
  };
}

/**
 * Wraps the application's `prepareDatabase`: it may set a cipher, and must not fail because the file is
 * read-only.
 */
function tolerant(prepare: unknown): unknown {
  if (typeof prepare !== 'function') return undefined;
  return async (database: unknown): Promise<void> => {
    try {
      await (prepare as (database: unknown) => unknown)(database);
    } catch (error) {
      if (!String((error as { code?: unknown }).code).startsWith('SQLITE_READONLY')) throw error;
    }
  };
}
