import type { DataSource } from 'typeorm';
import type { FailureReason } from '../migration/failure';
import type { Collection } from '../migration/reader';
import type { MigrationState } from '../migration/state';
import { logCollection } from './log';

/** What is known of one connection. */
export interface Snapshot {
  readonly connection: string;
  /** TypeORM's driver type, as `postgres`. */
  readonly database: string;
  /** `undefined` until it has been read for the first time. */
  readonly collection: Collection | undefined;
  /** Unix time in seconds of the last collection that succeeded. */
  readonly lastSuccess: number | undefined;
  /** Failed collections, by reason. */
  readonly failures: Readonly<Partial<Record<FailureReason, number>>>;
}

interface Entry extends Snapshot {
  readonly dataSource: DataSource;
}

/** The newest collection of every connection; counts failures and logs changes as collections come in. */
export class Snapshots {
  private readonly entries = new Map<string, Entry>();

  all(): readonly Snapshot[] {
    return [...this.entries.values()];
  }

  /** Takes in a collection that is newer than the one that is known. */
  keep(connection: string, dataSource: DataSource, collection: Collection | undefined): void {
    const known = this.entries.get(connection);
    const previous = known?.dataSource === dataSource ? known : undefined;
    if (collection === undefined) {
      if (previous === undefined) this.entries.set(connection, firstEntry(connection, dataSource));
      return;
    }
    if ((previous?.collection?.sequence ?? -1) >= collection.sequence) return;
    logCollection(connection, previous?.collection, collection);
    const { database, lastSuccess, failures } = previous ?? firstEntry(connection, dataSource);
    this.entries.set(connection, {
      connection,
      dataSource,
      database,
      collection,
      lastSuccess: collection.status === 'read' ? collection.at / 1000 : lastSuccess,
      failures: collection.status === 'read' ? failures : countOne(failures, collection.reason),
    });
  }

  /** Drops the connections that are not among these, and puts the rest in their order. */
  retain(connections: Iterable<string>): void {
    const wanted = [...connections];
    const known = [...this.entries.keys()];
    if (wanted.length === known.length && wanted.every((connection, index) => connection === known[index]))
      return;
    const kept = wanted.map((connection) => this.entries.get(connection));
    this.entries.clear();
    for (const entry of kept) if (entry !== undefined) this.entries.set(entry.connection, entry);
  }
}

function countOne(failures: Snapshot['failures'], reason: FailureReason): Snapshot['failures'] {
  return { ...failures, [reason]: (failures[reason] ?? 0) + 1 };
}

function firstEntry(connection: string, dataSource: DataSource): Entry {
  return {
    connection,
    dataSource,
    database: databaseOf(dataSource),
    collection: undefined,
    lastSuccess: undefined,
    failures: {},
  };
}

/** A DataSource may be a proxy whose properties throw. */
function databaseOf(dataSource: DataSource): string {
  try {
    return String(dataSource.options.type);
  } catch {
    return 'unknown';
  }
}

/** What one read of one connection came to. */
export type MigrationReading =
  | {
      readonly connection: string;
      readonly status: 'read';
      readonly state: MigrationState;
      readonly durationSeconds: number;
    }
  | {
      readonly connection: string;
      readonly status: 'failed';
      readonly reason: FailureReason;
      readonly durationSeconds: number;
    };

/** A collection as the public API shows it; one that did not come in time has failed. */
export function readingOf(connection: string, collection: Collection | undefined): MigrationReading {
  if (collection === undefined)
    return { connection, status: 'failed', reason: 'timeout', durationSeconds: 0 };
  const { durationSeconds } = collection;
  return collection.status === 'read'
    ? { connection, status: 'read', state: collection.state, durationSeconds }
    : { connection, status: 'failed', reason: collection.reason, durationSeconds };
}
