import type { Socket } from 'node:net';
import type { DataSource } from 'typeorm';
import { OwnConnection } from './connection';
import { areEqual, DefinedMigrations } from './defined';
import { type Failure, failureOf, MigrationFailure } from './failure';
import type { Attempt } from './reader';
import { ForeignTableError, RecordedMigrations } from './recorded';
import { joinMigrations, type MigrationState, type OrderedMigrations } from './state';

export interface CollectorOptions {
  /** Timeout of one collection, in milliseconds. */
  readonly timeout: number;
  /** Decides whether the pool may keep a connection that a collection opened. */
  readonly mayStayOpen: (socket: Socket) => boolean;
  /** Returns the error of the failed connect; `undefined` if it is not known. */
  readonly connectionError: () => unknown;
}

/**
 * Collects the state of one DataSource: joins the migrations in its code with those recorded in its database.
 */
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
      // Destroyed before it had a connection. Another collection may already have its place.
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
      // With nothing to run, runMigrations() succeeds even if the table is not TypeORM's.
      if (error instanceof ForeignTableError && defined.names.length === 0) return [];
      throw error;
    });
    // Comparing the names is several times cheaper than joining them, and they rarely change.
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
      // The collection has its result. A connection that cannot be released is lost anyway.
    }
  }
}

function destroyed(connection: OwnConnection | undefined): boolean {
  try {
    return connection?.destroy() ?? true;
  } catch {
    // An unknown version of a driver can have a client of another shape.
    return false;
  }
}
