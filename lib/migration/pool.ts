import { connect } from 'node:net';
import type { Driver, QueryRunner } from 'typeorm';
import { clock } from '../clock';
import { killStatement } from './kill';

/** What a collection has to know of the pool that its connection comes from. */
export interface ConnectionPool {
  /** Connections that are open or being opened. */
  readonly size: number;
  /** The client that was opened last. */
  readonly newest: unknown;
  /** Takes a connection to the master for a query runner, and resolves with its client. */
  checkOut(runner: QueryRunner): Promise<unknown>;
  /**
   * Ends a client that is lent out, so that the pool forgets it.
   *
   * @returns `false` if somebody waits for it: then it is given back instead
   */
  close(client: unknown, runner: QueryRunner): boolean;
  /**
   * Tells the pool and the server that a client was destroyed, where they notice it late.
   *
   * @param statement - the one under way on it, if there is one
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

/** Code of the message of PostgreSQL's protocol that takes the place of a start-up. */
const CANCEL_REQUEST = 80_877_102;
/** Milliseconds that the server may take for it. */
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
  /** Of PostgreSQL and CockroachDB. */
  readonly master?: PostgresPool;
  /** Of MySQL and MariaDB. */
  readonly pool?: MysqlPool;
  /** The same with `replication`. */
  readonly poolCluster?: { readonly _nodes?: { readonly MASTER?: { readonly pool: MysqlPool } } };
}

/** The pool of a driver that has one of a known kind: node-postgres', mysql2's or mysql's. */
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

  /** A backend that waits for a lock learns only when it writes that its client is gone. */
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

  /** A pool that is ended before it notices fails with the error of the destroyed client. */
  drop(client: unknown, statement: string | undefined): void {
    (client as { _removeFromPool?: () => void })._removeFromPool?.();
    if (statement !== undefined) killStatement(client, statement);
  }
}

/**
 * The master of a `PoolCluster`, asked directly: the cluster counts failed connects and removes a node
 * after five, for the application as well.
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
