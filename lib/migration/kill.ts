import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { clock } from '../clock';

/** Milliseconds that the server has to answer and to end the statement. */
const KILL_TIMEOUT = 5000;

/** The common part of mysql2's and mysql's connections. */
interface MysqlConnection extends EventEmitter {
  /** Only pool connections have it. */
  readonly _removeFromPool?: unknown;
  readonly threadId?: unknown;
  readonly config?: object;
  readonly stream?: Socket;
  readonly _socket?: Socket;
  query(sql: string, values: readonly unknown[], callback: (error: unknown, rows: unknown) => void): void;
}

/** Overrides of the client's own options. */
const OWN_OPTIONS: PropertyDescriptorMap = {
  // The driver's own timer would keep a process alive while the server is silent.
  connectTimeout: { value: 0 },
  // The application's functions expect only its own statements and rows.
  queryFormat: { value: undefined },
  typeCast: { value: true },
};

/**
 * Ends a statement on MySQL or MariaDB whose client was destroyed. While a statement waits for a lock, MySQL
 * does not notice that the client has disconnected. Each abandoned collection would then leave a connection
 * behind.
 *
 * It opens a separate connection with the client's configuration, so it takes none from the application's
 * pool. After a failover, another connection may have the client's id. So the id and the statement must
 * match.
 */
export function killStatement(client: unknown, statement: string): void {
  const { threadId, config } = client as MysqlConnection;
  if (typeof threadId !== 'number' || config === undefined) return;
  const Connection = connectionClassOf(client as MysqlConnection);
  const own = new Connection({ config: Object.create(config, OWN_OPTIONS) as unknown });
  const socket = () => own.stream ?? own._socket;
  const patience = clock.setTimeout(() => socket()?.destroy(), KILL_TIMEOUT).unref();
  const end = () => {
    clock.clearTimeout(patience);
    socket()?.destroy();
  };
  own.on('error', end);
  own.query(
    // An instrumentation may have added a comment before or after the statement.
    'SELECT id FROM information_schema.processlist WHERE id = ? AND instr(info, ?) > 0',
    [threadId, statement],
    (error, rows) => {
      if (error || (rows as readonly unknown[] | undefined)?.length !== 1) return end();
      own.query('KILL ?', [threadId], end);
    },
  );
  socket()?.unref();
}

type ConnectionClass = new (options: { config: unknown }) => MysqlConnection;

/**
 * Finds the driver's base connection class. Pool connections extend it once, or twice in mysql2 3.11 to 3.19.
 */
function connectionClassOf(client: MysqlConnection): ConnectionClass {
  let prototype = client;
  while (prototype._removeFromPool !== undefined)
    prototype = Object.getPrototypeOf(prototype) as MysqlConnection;
  return prototype.constructor as ConnectionClass;
}
