import type { Socket } from 'node:net';
import type { DataSource } from 'typeorm';
import { OwnConnection } from './connection';
import { areEqual, DefinedMigrations } from './defined';
import { type Failure, failureOf, MigrationFailure } from './failure';
import type { Attempt } from './reader';
import { ForeignTableError, RecordedMigrations } from './recorded';
import { joinMigrations, type MigrationState, type OrderedMigrations } from './state';

export interface CollectorOptions {
  /** Milliseconds that one collection may take. */
  readonly timeout: number;
  /** Asked about each connection that had to be opened: whether the pool may keep it. */
  readonly mayStayOpen: (socket: Socket) => boolean;
  /** Why the DataSource is not connected; `undefined` if nobody knows. */
  readonly connectionError: () => unknown;
}

/** Collects one DataSource's state: what its code defines, joined with what its database has recorded. */
export class Collector {
  private readonly defined: DefinedMigrations;
  private readonly recorded: RecordedMigrations;
  private last:
    { defined: OrderedMigrations; recorded: readonly string[]; state: MigrationState } | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly options: CollectorOptions,
  ) {
    this.defined = new DefinedMigrations(dataSource, options.timeout / 2);
    this.recorded = new RecordedMigrations(dataSource);
  }

  begin(): Attempt {
    let connection: OwnConnection | undefined;
    let isDestroyed = false;
    const state = this.collect(() => {
      // Destroyed before it had a connection: its place may be another's by now.
      if (isDestroyed) throw new MigrationFailure('timeout');
      return (connection = new OwnConnection(this.dataSource));
    });
    return {
      state,
      released: state.then(
        () => this.release(connection),
        () => this.release(connection),
      ),
      destroy: () => (isDestroyed = destroyed(connection)),
    };
  }

  explain(error: unknown): Failure {
    try {
      const { isInitialized, options } = this.dataSource;
      if (isInitialized) return failureOf(error, options.type);
      // A destroyed DataSource surfaces as a different error in every driver.
      const connectionError = this.options.connectionError();
      return connectionError === undefined
        ? { reason: 'uninitialized' }
        : failureOf(connectionError, options.type);
    } catch {
      return failureOf(error, '');
    }
  }

  private async collect(connect: () => OwnConnection): Promise<MigrationState> {
    const defined = await this.defined.read();
    const recorded = await this.recorded.read(connect()).catch((error: unknown) => {
      // With nothing to run, runMigrations() succeeds, whosever table it is.
      if (error instanceof ForeignTableError && defined.names.length === 0) return [];
      throw error;
    });
    // To compare the names is several times cheaper than to join them, and mostly nothing has changed.
    if (this.last?.defined !== defined || !areEqual(this.last.recorded, recorded)) {
      this.last = { defined, recorded, state: joinMigrations(defined, new Set(recorded)) };
    }
    return this.last.state;
  }

  private async release(connection: OwnConnection | undefined): Promise<void> {
    try {
      const opened = connection?.openedSocket;
      if (opened === undefined || this.options.mayStayOpen(opened)) await connection?.release();
      else await connection?.close();
    } catch {
      // The collection is answered: a connection that cannot be given back is lost already.
    }
  }
}

function destroyed(connection: OwnConnection | undefined): boolean {
  try {
    return connection?.destroy() ?? true;
  } catch {
    // A driver's client of another shape than those that are known.
    return false;
  }
}
