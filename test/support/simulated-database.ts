import { EventEmitter } from 'node:events';
import type { DataSource, MigrationInterface } from 'typeorm';
import { defineMigrations } from './migrations';

/** How a simulated database is doing. */
export type Condition = 'well' | 'down' | 'hangs' | 'uninitialized';

interface Statement {
  readonly sentAt: number;
  readonly client: Client;
  resolve(rows: object[]): void;
  reject(error: Error): void;
}

class Client {
  readonly stream: Socket;
  constructor(database: SimulatedDatabase) {
    this.stream = new Socket(() => database.lose(this));
  }
}

class Socket extends EventEmitter {
  destroyed = false;
  constructor(private readonly onDestroy: () => void) {
    super();
  }
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.onDestroy();
    queueMicrotask(() => this.emit('close'));
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/**
 * A database on whatever clock runs, with as many migrations recorded as a test says, and the DataSource
 * that asks it. Its driver has a pool whose connections can be destroyed, or one connection for good.
 */
export class SimulatedDatabase {
  /** ms until a statement is answered. */
  delay = 0;
  readonly statements = new Set<Statement>();
  readonly clients: Client[] = [];
  readonly dataSource: DataSource;
  /** Called when a statement is sent. */
  onStatement = (): void => {};

  private condition: Condition = 'well';
  private readonly idle: Client[] = [];
  private readonly history: { readonly at: number; readonly rows: number }[] = [{ at: 0, rows: 0 }];
  private readonly migrations: MigrationInterface[] = defineMigrations(3).map((migration) => new migration());

  constructor(hasPool: boolean) {
    const pool = { _clients: this.clients, waitingCount: 0 };
    Object.defineProperty(pool, 'totalCount', { get: () => this.clients.length });
    const fake = {
      '@instanceof': Symbol.for('DataSource'),
      isInitialized: true,
      // Reads with one statement, and asks no catalogue.
      options: { type: 'sap' },
      migrations: this.migrations,
      entityMetadatas: [],
      createQueryRunner: () => this.createQueryRunner(),
      driver: {
        options: {},
        buildTableName: (name: string) => name,
        escape: (name: string) => name,
        ...(hasPool && { master: pool }),
      },
    };
    this.dataSource = fake as unknown as DataSource;
  }

  get rows(): number {
    return this.history.at(-1)?.rows ?? 0;
  }

  set rows(rows: number) {
    this.history.push({ at: performance.now(), rows });
  }

  /** Whether so many were recorded at some moment of a period. */
  had(rows: number, from: number, to: number): boolean {
    return this.history.some(
      (entry, index) =>
        entry.rows === rows && entry.at <= to && (this.history[index + 1]?.at ?? Infinity) >= from,
    );
  }

  become(condition: Condition): void {
    this.condition = condition;
    Object.assign(this.dataSource, {
      isInitialized: condition !== 'uninitialized',
      ...(condition === 'well' && { migrations: [...this.migrations] }),
    });
    if (condition === 'hangs') return;
    for (const statement of this.statements) this.answer(statement);
  }

  /** The connection is gone, and with it its statements. */
  lose(client: Client): void {
    this.clients.splice(this.clients.indexOf(client), 1);
    for (const statement of this.statements)
      if (statement.client === client) this.end(statement, () => statement.reject(failure('ECONNRESET')));
  }

  private createQueryRunner() {
    let client: Client | undefined;
    const connect = () => {
      while (client === undefined || client.stream.destroyed) {
        if (this.idle.length === 0) this.clients.push((client = new Client(this)));
        else client = this.idle.pop();
      }
      return Promise.resolve(client);
    };
    return {
      isTransactionActive: false,
      connect,
      query: () => this.send(client ?? new Client(this)),
      release: () => {
        if (client !== undefined && !client.stream.destroyed) this.idle.push(client);
        return Promise.resolve();
      },
      releasePostgresConnection: () => {
        client?.stream.destroy();
        return Promise.resolve();
      },
    };
  }

  private send(client: Client): Promise<object[]> {
    return new Promise((resolve, reject) => {
      const statement = { sentAt: performance.now(), client, resolve, reject };
      this.statements.add(statement);
      this.onStatement();
      setTimeout(() => this.condition !== 'hangs' && this.answer(statement), this.delay);
    });
  }

  private answer(statement: Statement): void {
    this.end(statement, () => {
      if (this.condition !== 'well') statement.reject(failure('ECONNREFUSED'));
      else
        statement.resolve(
          Array.from({ length: this.rows }, (_, index) => ({ name: `Step${1_700_000_000_000 + index}` })),
        );
    });
  }

  private end(statement: Statement, how: () => void): void {
    if (this.statements.delete(statement)) how();
  }
}
