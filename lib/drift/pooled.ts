import type { DataSource, QueryRunner } from 'typeorm';
import { OwnConnection, type QueryArguments } from '../migration/connection';
import { SchemaView } from './schema-view';
import type { Session } from './session';

/** Milliseconds that a statement waits for a lock. A migration queued behind it waits no longer than that. */
const LOCK_TIMEOUT = 1000;

/** A connection of the application's pool. */
abstract class PooledSession implements Session {
  readonly view: SchemaView;
  private readonly connection: OwnConnection;

  constructor(dataSource: DataSource) {
    this.view = new SchemaView(dataSource);
    this.connection = new OwnConnection(this.view.dataSource);
    this.view.adopt(this.runner);
  }

  abstract begin(): Promise<void>;
  protected abstract rollBack(): Promise<void>;

  get runner(): QueryRunner {
    return this.connection.queryRunner;
  }

  query<Row>(statement: string, ...rest: QueryArguments): Promise<readonly Row[]> {
    return this.connection.query<Row>(statement, ...rest);
  }

  async end(): Promise<void> {
    try {
      await this.rollBack();
      // A connection that was opened for this check is closed, so that the pool does not grow.
      if (this.connection.openedSocket === undefined) await this.connection.release();
      else await this.connection.close();
    } catch {
      // The application must not get a connection with an open transaction.
      this.destroy();
    }
  }

  destroy(): void {
    try {
      this.connection.destroy();
    } catch {
      // An unknown version of a driver can have a client of another shape. Then the server's timeout ends the
      // statement.
    }
  }
}

export class PostgresSession extends PooledSession {
  constructor(
    dataSource: DataSource,
    private readonly timeout: number,
  ) {
    super(dataSource);
  }

  async begin(): Promise<void> {
    await this.query('BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY');
    await this.query(`SET LOCAL lock_timeout = ${Math.min(LOCK_TIMEOUT, this.timeout)}`);
    await this.query(`SET LOCAL statement_timeout = ${this.timeout}`);
  }

  protected async rollBack(): Promise<void> {
    await this.query('ROLLBACK');
  }
}

/**
 * MySQL and MariaDB. The timeouts belong to the session, which returns to the application, so they are
 * restored.
 */
export class MysqlSession extends PooledSession {
  private before: readonly { Variable_name: string; Value: string }[] = [];
  private readonly limits: Readonly<Record<string, number>>;

  constructor(dataSource: DataSource, timeout: number) {
    super(dataSource);
    this.limits = {
      // Whole seconds.
      lock_wait_timeout: Math.max(1, Math.round(Math.min(LOCK_TIMEOUT, timeout) / 1000)),
      // MySQL: whole milliseconds.
      max_execution_time: Math.ceil(timeout),
      // MariaDB: seconds.
      max_statement_time: timeout / 1000,
    };
  }

  async begin(): Promise<void> {
    const names = Object.keys(this.limits).map((name) => `'${name}'`);
    this.before = await this.query(`SHOW SESSION VARIABLES WHERE Variable_name IN (${names.join(', ')})`);
    await this.set(this.before.map(({ Variable_name: name }) => `${name} = ${this.limits[name]}`));
    await this.query('START TRANSACTION READ ONLY');
  }

  protected async rollBack(): Promise<void> {
    await this.query('ROLLBACK');
    await this.set(this.before.map(({ Variable_name: name, Value: value }) => `${name} = ${Number(value)}`));
  }

  private async set(variables: readonly string[]): Promise<void> {
    if (variables.length > 0) await this.query(`SET SESSION ${variables.join(', ')}`);
  }
}
