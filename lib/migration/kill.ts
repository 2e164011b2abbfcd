import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { clock } from '../clock';

/** Milliseconds that the server may take to answer and to end the statement. */
const KILL_TIMEOUT = 1000;

/** What mysql2's and mysql's connections have in common. */
interface MysqlConnection extends EventEmitter {
  readonly threadId?: unknown;
  readonly config?: object;
  readonly stream?: Socket;
  readonly _socket?: Socket;
  query(sql: string, values: readonly unknown[], callback: (error: unknown, rows: unknown) => void): void;
}

/**
 * Ends a statement on MySQL or MariaDB whose client was destroyed. While it waits for a lock, MySQL does
 * not notice that the client is gone, and each reading that is abandoned would leave a connection behind.
 *
 * It takes a connection of its own, made as the client was made, and not one of the application's pool.
 * After a failover another connection may have the client's number, so the statement must be the same.
 */
export function killStatement(client: unknown, statement: string): void {
  const { threadId, config } = client as MysqlConnection;
  if (typeof threadId !== 'number' || config === undefined) return;
  // Connections of a pool have a class of their own, which extends the driver's connection class.
  const { constructor: Connection } = Object.getPrototypeOf(Object.getPrototypeOf(client)) as {
    constructor: new (options: { config: unknown }) => MysqlConnection;
  };
  // The driver's own timer would keep a process alive that shuts down while the server is silent.
  const own = new Connection({ config: Object.create(config, { connectTimeout: { value: 0 } }) as unknown });
  const socket = () => own.stream ?? own._socket;
  const patience = clock.setTimeout(() => socket()?.destroy(), KILL_TIMEOUT).unref();
  const end = () => {
    clock.clearTimeout(patience);
    socket()?.destroy();
  };
  own.on('error', end);
  own.query(
    'SELECT id FROM information_schema.processlist WHERE id = ? AND info = ?',
    [threadId, statement],
    (error, rows) => {
      if (error || (rows as unknown[]).length === 0) return end();
      own.query('KILL ?', [threadId], end);
    },
  );
  socket()?.unref();
}
