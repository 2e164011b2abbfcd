import type { Socket } from 'node:net';
import type { DataSource, QueryRunner } from 'typeorm';
import { clock, waitUnref } from '../clock';
import { MigrationFailure } from './failure';
import { type ConnectionPool, poolOf } from './pool';

/** Milliseconds between two checks whether the application's transaction has ended. */
const LOOK_EVERY = 10;
/** Milliseconds that a server has to close a connection before the socket is destroyed. */
const CLOSE_TIMEOUT = 1000;

/** The arguments of `QueryRunner.query()` after the statement. */
export type QueryArguments = [parameters?: unknown[], isStructured?: boolean];

/** `QueryRunner.query()` with any result. */
export interface Queryable {
  query(statement: string, ...rest: QueryArguments): Promise<unknown>;
}

/**
 * A connection for one collection, separate from the application's. It reads only committed rows, and
 * destroying it does not affect the application.
 *
 * It uses its own query runner. The SQLite drivers share one connection and one query runner: there it waits
 * until the application has no open transaction.
 */
export class OwnConnection {
  private readonly runner: QueryRunner;
  private readonly isShared: boolean;
  private readonly pool: ConnectionPool | undefined;
  private connecting: Promise<void> | undefined;
  /** The pool's client, set as soon as it begins to connect. */
  private client: unknown;
  private wasOpened = false;
  /** Whether the connection was released, closed or destroyed. */
  private isGone = false;
  /** The statement that is running. */
  private statement: string | undefined;

  constructor(private readonly dataSource: DataSource) {
    const { driver } = dataSource;
    this.runner = dataSource.createQueryRunner('master');
    this.isShared = (driver as { queryRunner?: unknown }).queryRunner === this.runner;
    this.pool = this.isShared ? undefined : poolOf(driver);
  }

  /** The query runner, for drivers without SQL. */
  get queryRunner(): QueryRunner {
    return this.runner;
  }

  /** Sends one statement and passes on the driver's errors. */
  async query<Row>(statement: string, ...rest: QueryArguments): Promise<readonly Row[]> {
    if (this.pool !== undefined) await (this.connecting ??= this.connect(this.pool));
    for (;;) {
      while (this.isInTransaction()) await waitUnref(LOOK_EVERY);
      if (this.isGone) throw new MigrationFailure('timeout');
      const { rows, mayBeUncommitted } = await this.send<Row>(statement, rest);
      if (!mayBeUncommitted) return rows;
    }
  }

  /** The open socket of a connection that was opened for this collection. */
  get openedSocket(): Socket | undefined {
    const socket = this.wasOpened ? socketOf(this.client) : undefined;
    return socket?.destroyed === true ? undefined : socket;
  }

  /** Releases the connection to the pool. */
  async release(): Promise<void> {
    if (this.isGone) return;
    this.isGone = true;
    // A shared query runner is not released: that would drop statements that the application has gathered in
    // it.
    if (!this.isShared) await this.runner.release();
  }

  /** Closes the connection instead, and resolves when the server has closed it too. */
  async close(): Promise<void> {
    const socket = socketOf(this.client);
    if (socket === undefined || this.pool?.close(this.client, this.runner) !== true) return this.release();
    this.isGone = true;
    await new Promise<void>((resolve) => {
      const patience = clock.setTimeout(() => {
        socket.destroy();
        resolve();
      }, CLOSE_TIMEOUT);
      patience.unref();
      socket.once('close', () => {
        clock.clearTimeout(patience);
        resolve();
      });
    });
  }

  /**
   * Destroys the connection at once, even while a statement runs.
   *
   * @returns `false` if the driver offers no way to do so: then the statement is still running
   */
  destroy(): boolean {
    if (this.isGone) return true;
    const socket = socketOf(this.client);
    if (socket === undefined && this.statement !== undefined) return false;
    this.isGone = true;
    if (socket === undefined) return true;
    socket.destroy();
    try {
      this.pool?.drop(this.client, this.statement);
    } catch {
      // An unknown version of a driver can have a client of another shape. Its socket is destroyed, and only
      // the server may notice late.
    }
    return true;
  }

  private async connect(pool: ConnectionPool): Promise<void> {
    const before = pool.size;
    const connecting = pool.checkOut(this.runner);
    // The pool opens a new connection in this call, so it can be destroyed before it is ready.
    this.wasOpened = pool.size > before;
    if (this.wasOpened) this.client = pool.newest;
    this.client = await connecting;
    if (!this.isGone) return;
    await this.runner.release();
    throw new MigrationFailure('timeout');
  }

  /** Returns the rows, and whether they may belong to a transaction that began meanwhile. */
  private async send<Row>(
    statement: string,
    rest: QueryArguments,
  ): Promise<{ rows: readonly Row[]; mayBeUncommitted: boolean }> {
    this.statement = statement;
    try {
      const rows = (await (this.runner as Queryable).query(statement, ...rest)) as readonly Row[];
      // Check right after the await: the application clears its flag no earlier, because it awaits its own
      // ROLLBACK in the same way.
      return { rows, mayBeUncommitted: this.isInTransaction() };
    } finally {
      this.statement = undefined;
    }
  }

  private isInTransaction(): boolean {
    if (!this.isShared || this.isGone) return false;
    return this.runner.isTransactionActive || isInRawTransaction(this.dataSource);
  }
}

/**
 * Whether a transaction is open that was begun without the query runner. Expo and similar drivers do not say.
 */
function isInRawTransaction({ driver, options }: DataSource): boolean {
  const { databaseConnection } = driver as {
    databaseConnection?: { inTransaction?: boolean; run?: (sql: string) => unknown };
  };
  if (options.type !== 'sqljs') return databaseConnection?.inTransaction === true;
  try {
    // SQLite refuses a BEGIN within a transaction. This one takes no lock and writes nothing.
    databaseConnection?.run?.('BEGIN; COMMIT');
    return false;
  } catch {
    return true;
  }
}

/** The socket of a client of node-postgres, mysql2 or mysql. */
function socketOf(client: unknown): Socket | undefined {
  const { stream, connection, _socket } = (client ?? {}) as {
    stream?: Socket;
    connection?: { stream?: Socket };
    _socket?: Socket;
  };
  return [stream, connection?.stream, _socket].find((socket) => typeof socket?.destroy === 'function');
}
