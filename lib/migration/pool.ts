import { connect } from 'node:net';
import type { Driver, QueryRunner } from 'typeorm';
import { clock } from '../clock';
import { killStatement } from './kill';

/** The parts of a connection pool that a collection uses. */
export interface ConnectionPool {
  /** Connections that are open or being opened. */
  readonly size: number;
  /** The client that was opened last. */
  readonly newest: unknown;
  /** Checks out a connection to the master for a query runner, and resolves with its client. */
  checkOut(runner: QueryRunner): Promise<unknown>;
  /**
   * Ends a checked-out client and removes it from the pool.
   *
   * @returns `false` if the application waits for a client: then release it instead
   */
  close(client: unknown, runner: QueryRunner): boolean;
  /**
   * Notifies the pool and the server of a destroyed client, if they would notice it late.
   *
   * @param statement - the statement that was running on it
   */
  drop(client: unknown, statement: string | undefined): void;
}

interface PostgresPool {
  readonly _clients: readonly unknown[];
  readonly totalCount: number;
  readonly waitingCount: number;
}

interface PostgresClient {
  readonly host: string;
  readonly port: number;
  readonly processID?: unknown;
  readonly secretKey?: unknown;
}

/** Code of PostgreSQL's CancelRequest message, which replaces the start-up message. */
const CANCEL_REQUEST = 80_877_102;
/** Milliseconds that the server has for it. */
const CANCEL_TIMEOUT = 1000;

interface MysqlQueue {
  readonly length: number;
  get(index: number): unknown;
}

interface MysqlPool {
  readonly _allConnections: MysqlQueue | readonly unknown[];
  readonly _connectionQueue: { readonly length: number };
  getConnection(callback: (error: Error | null, client: unknown) => void): void;
}

interface PooledDriver {
  /** PostgreSQL and CockroachDB. */
  readonly master?: PostgresPool;
  /** MySQL and MariaDB. */
  readonly pool?: MysqlPool;
  /** MySQL and MariaDB with `replication`. */
  readonly poolCluster?: { readonly _nodes?: { readonly MASTER?: { readonly pool: MysqlPool } } };
}

/** Returns the driver's pool if it is node-postgres', mysql2's or mysql's. */
export function poolOf(driver: Driver): ConnectionPool | undefined {
  const { master, pool, poolCluster } = driver as PooledDriver;
  if (Array.isArray(master?._clients)) return new Postgres(master);
  if (pool?._allConnections !== undefined) return new Mysql(pool, driver);
  const node = poolCluster?._nodes?.MASTER?.pool;
  return node?._allConnections === undefined ? undefined : new MysqlNode(node, driver);
}

class Postgres implements ConnectionPool {
  constructor(private readonly pool: PostgresPool) {}

  get size(): number {
    return this.pool.totalCount;
  }

  get newest(): unknown {
    return this.pool._clients.at(-1);
  }

  checkOut(runner: QueryRunner): Promise<unknown> {
    return runner.connect();
  }

  close(_client: unknown, runner: QueryRunner): boolean {
    const { releasePostgresConnection: release } = runner as {
      releasePostgresConnection?: (error: Error) => Promise<void>;
    };
    if (release === undefined || this.pool.waitingCount > 0) return false;
    void release.call(runner, new Error('Not needed any more'));
    return true;
  }

  /**
   * A backend that waits for a lock notices a lost client only at its next write, so its query is cancelled.
   */
  drop(client: unknown): void {
    const { host, port, processID, secretKey } = client as PostgresClient;
    if (typeof processID !== 'number' || typeof secretKey !== 'number') return;
    const request = Buffer.alloc(16);
    [request.length, CANCEL_REQUEST, processID, secretKey].forEach((value, index) =>
      request.writeInt32BE(value, 4 * index),
    );
    const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
    const patience = clock.setTimeout(() => socket.destroy(), CANCEL_TIMEOUT).unref();
    socket
      .unref()
      .on('error', () => {})
      .once('close', () => clock.clearTimeout(patience))
      .resume()
      .end(request);
  }
}

class Mysql implements ConnectionPool {
  constructor(
    protected readonly pool: MysqlPool,
    protected readonly driver: Driver,
  ) {}

  get size(): number {
    return this.pool._allConnections.length;
  }

  get newest(): unknown {
    const all = this.pool._allConnections;
    return 'get' in all ? all.get(all.length - 1) : all.at(-1);
  }

  checkOut(runner: QueryRunner): Promise<unknown> {
    return runner.connect();
  }

  close(client: unknown): boolean {
    const { _realEnd: end } = client as { _realEnd?: (callback: () => void) => void };
    if (end === undefined || this.pool._connectionQueue.length > 0) return false;
    end.call(client, () => {});
    return true;
  }

  /** Removed right away: a pool that ends before it notices fails with the destroyed client's error. */
  drop(client: unknown, statement: string | undefined): void {
    (client as { _removeFromPool?: () => void })._removeFromPool?.();
    if (statement !== undefined) killStatement(client, statement);
  }
}

/**
 * The master's pool of a `PoolCluster`, used directly: the cluster counts failed connects, and after five it
 * removes the node for the application too.
 */
class MysqlNode extends Mysql {
  override async checkOut(runner: QueryRunner): Promise<unknown> {
    const connection = await new Promise<unknown>((resolve, reject) =>
      this.pool.getConnection((error, client) => (error === null ? resolve(client) : reject(error))),
    );
    const { prepareDbConnection } = this.driver as { prepareDbConnection?: (client: unknown) => unknown };
    prepareDbConnection?.call(this.driver, connection);
    return Object.assign(runner, { databaseConnection: connection }).databaseConnection;
  }
}
