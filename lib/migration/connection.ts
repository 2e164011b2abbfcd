import type { Socket } from 'node:net';
import type { DataSource, QueryRunner } from 'typeorm';
import { clock, waitUnref } from '../clock';
import { MigrationFailure } from './failure';
import { type ConnectionPool, poolOf } from './pool';

/** Milliseconds between two looks whether a transaction of the application has ended. */
const LOOK_EVERY = 10;
/** Milliseconds that a server may take to close a connection before it is destroyed. */
const CLOSE_TIMEOUT = 1000;

/** What `QueryRunner.query()` takes beside the statement: its parameters, and whether the result is structured. */
export type QueryArguments = [parameters?: unknown[], isStructured?: boolean];

/** `QueryRunner.query()`, whichever result is asked for. */
export interface Queryable {
  query(statement: string, ...rest: QueryArguments): Promise<unknown>;
}

/**
 * A connection to the database for one collection, apart from the application's: what is read through
 * it is committed, and it can be destroyed without anybody missing it.
 *
 * It uses a query runner of its own. The SQLite drivers have one connection and one query runner for
 * all: there it waits until no transaction of the application is open.
 */
export class OwnConnection {
  private readonly runner: QueryRunner;
  private readonly isShared: boolean;
  private readonly pool: ConnectionPool | undefined;
  private connecting: Promise<void> | undefined;
  /** What the pool lends, from when it begins to connect. */
  private client: unknown;
  private wasOpened = false;
  /** Given back, closed or destroyed. */
  private isGone = false;
  /** The statement under way. */
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

  /** Sends one statement; throws what the driver throws. */
  async query<Row>(statement: string, ...rest: QueryArguments): Promise<readonly Row[]> {
    if (this.pool !== undefined) await (this.connecting ??= this.connect(this.pool));
    for (;;) {
      while (this.isInTransaction()) await waitUnref(LOOK_EVERY);
      if (this.isGone) throw new MigrationFailure('timeout');
      const { rows, mayBeUncommitted } = await this.send<Row>(statement, rest);
      if (!mayBeUncommitted) return rows;
    }
  }

  /** The socket of a connection that had to be opened for this collection, if it is open still. */
  get openedSocket(): Socket | undefined {
    const socket = this.wasOpened ? socketOf(this.client) : undefined;
    return socket?.destroyed === true ? undefined : socket;
  }

  /** Gives the connection back to the pool. */
  async release(): Promise<void> {
    if (this.isGone) return;
    this.isGone = true;
    // What all share is not released: that would drop statements that the application has gathered.
    if (!this.isShared) await this.runner.release();
  }

  /** Closes the connection instead, and resolves when the server has closed it as well. */
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
   * Lets go of the connection at once, whatever it is doing.
   *
   * @returns whether that was possible; otherwise its statement is still under way
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
      // A client of another shape than those that are known: its connection is gone, whatever its server knows of it.
    }
    return true;
  }

  private async connect(pool: ConnectionPool): Promise<void> {
    const before = pool.size;
    const connecting = pool.checkOut(this.runner);
    // A pool that has to open a connection does so at once: it can be destroyed before it is ready.
    this.wasOpened = pool.size > before;
    if (this.wasOpened) this.client = pool.newest;
    this.client = await connecting;
    if (!this.isGone) return;
    await this.runner.release();
    throw new MigrationFailure('timeout');
  }

  /** The rows, and whether a transaction began meanwhile, whose own they may be. */
  private async send<Row>(
    statement: string,
    rest: QueryArguments,
  ): Promise<{ rows: readonly Row[]; mayBeUncommitted: boolean }> {
    this.statement = statement;
    try {
      const rows = (await (this.runner as Queryable).query(statement, ...rest)) as readonly Row[];
      // Looked at no later than the application, which awaits its own ROLLBACK in the same way.
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

/** Whether a transaction is open that was begun past the query runner; expo and the like do not say. */
function isInRawTransaction({ driver, options }: DataSource): boolean {
  const { databaseConnection } = driver as {
    databaseConnection?: { inTransaction?: boolean; run?: (sql: string) => unknown };
  };
  if (options.type !== 'sqljs') return databaseConnection?.inTransaction === true;
  try {
    // SQLite refuses a BEGIN within a transaction; this one takes no lock and writes nothing.
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
