import { createHook } from 'node:async_hooks';
import type { EventEmitter } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { interceptStatements } from './intercept';

/** Keeps count of the queries of a DataSource that wait for their answer. */
export class QueryWatch {
  /** The most that have ever waited at once. */
  most = 0;
  /** For each query sent while another was waiting: how long the youngest of those had waited, in ms. */
  readonly patience: number[] = [];
  /** Query runners that were made: one for each reading. */
  attempts = 0;
  /** `performance.now()` of the last query. */
  lastSentAt = 0;

  private readonly waiting = new Set<{ readonly sentAt: number }>();

  constructor(dataSource: DataSource) {
    const createQueryRunner = dataSource.createQueryRunner.bind(dataSource);
    dataSource.createQueryRunner = (mode) => {
      this.attempts += 1;
      return createQueryRunner(mode);
    };
    interceptStatements(dataSource, async (send) => {
      this.lastSentAt = performance.now();
      if (this.waiting.size > 0) {
        const youngest = Math.max(...Array.from(this.waiting, ({ sentAt }) => sentAt));
        this.patience.push(this.lastSentAt - youngest);
      }
      const sent = { sentAt: this.lastSentAt };
      this.waiting.add(sent);
      this.most = Math.max(this.most, this.waiting.size);
      try {
        return await send();
      } finally {
        this.waiting.delete(sent);
      }
    });
  }

  get outstanding(): number {
    return this.waiting.size;
  }
}

export interface PoolState {
  /** Who waits for a connection. */
  readonly waiting: number;
  /** Connections lent out. */
  readonly lent: number;
  /** Event listeners on the pool and on its connections. */
  readonly listeners: number;
  /** Query runners that the driver holds as connected. */
  readonly runners: number;
}

interface PostgresPool extends EventEmitter {
  readonly waitingCount: number;
  readonly totalCount: number;
  readonly idleCount: number;
  readonly _clients: readonly EventEmitter[];
}

interface List<T> {
  readonly length: number;
  toArray(): readonly T[];
}

interface MysqlPool extends EventEmitter {
  readonly _connectionQueue: List<unknown>;
  readonly _allConnections: List<EventEmitter>;
  readonly _freeConnections: List<unknown>;
}

/** The state of the connection pool of node-postgres or mysql2; all 0 while there is none. */
export function poolState(dataSource: DataSource): PoolState {
  const { master, pool, connectedQueryRunners } = dataSource.driver as unknown as {
    master?: PostgresPool;
    pool?: MysqlPool;
    connectedQueryRunners?: readonly unknown[];
  };
  const runners = connectedQueryRunners?.length ?? 0;
  if (master !== undefined) {
    return {
      waiting: master.waitingCount,
      lent: master.totalCount - master.idleCount,
      listeners: listeners(master, ...master._clients),
      runners,
    };
  }
  if (pool !== undefined) {
    return {
      waiting: pool._connectionQueue.length,
      lent: pool._allConnections.length - pool._freeConnections.length,
      listeners: listeners(pool, ...pool._allConnections.toArray()),
      runners,
    };
  }
  return { waiting: 0, lent: 0, listeners: 0, runners };
}

/** How many listeners emitters have, of all events together. */
function listeners(...emitters: readonly EventEmitter[]): number {
  return emitters
    .flatMap((emitter) => emitter.eventNames().map((event) => emitter.listenerCount(event)))
    .reduce((sum, count) => sum + count, 0);
}

/** Timers that run; `process.getActiveResourcesInfo()` leaves out those that are unref'd. */
const timers = new Set<number>();
createHook({
  init: (id, type) => void (type === 'Timeout' && timers.add(id)),
  destroy: (id) => void timers.delete(id),
}).enable();

/** What this process and a DataSource hold, counted by kind: sockets, timers, listeners, who waits, … */
export function footprint(dataSource: DataSource): Record<string, number> {
  const counts: Record<string, number> = {
    ...poolState(dataSource),
    processListeners: listeners(process),
    timers: timers.size,
  };
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/**
 * What there is more of than before, once what was on its way has settled; waits for that, but not for
 * ever, and without a timer, which would be counted.
 */
export async function grownSince(
  before: Readonly<Record<string, number>>,
  measure: () => Readonly<Record<string, number>>,
  // Longer than an idle HTTP connection keeps its timer (5 s).
  patience = 7000,
): Promise<Record<string, string>> {
  const deadline = performance.now() + patience;
  for (;;) {
    await setImmediate();
    const grown = Object.entries(measure()).filter(([kind, count]) => count > (before[kind] ?? 0));
    if (grown.length === 0 || performance.now() > deadline) {
      return Object.fromEntries(grown.map(([kind, count]) => [kind, `${before[kind] ?? 0} -> ${count}`]));
    }
  }
}
