import type { DataSource } from 'typeorm';
import type { DriftReport } from '../drift/report';
import { definedCount } from '../migration/defined';
import type { FailureReason } from '../migration/failure';
import type { Collection } from '../migration/reader';
import type { MigrationState } from '../migration/state';
import { logCollection, warnOfNoneDefined } from './log';

/** What is known of one connection. */
export interface Snapshot {
  readonly connection: string;
  /** TypeORM's driver type, as `postgres`. */
  readonly database: string;
  /** `undefined` until it has been read for the first time. */
  readonly collection: Collection | undefined;
  /** The last collection that succeeded. */
  readonly lastRead: ReadCollection | undefined;
  /** How many migrations the code defines, if that is known: also while the database cannot be read. */
  readonly defined?: number | undefined;
  /** Whether TypeORM makes the schema from the entities at each start: migrations are beside the point. */
  readonly synchronizes: boolean;
  /** Failed collections, by reason. */
  readonly failures: Readonly<Partial<Record<FailureReason, number>>>;
  /** The newest look at the schema, if drift is read. */
  readonly drift?: DriftReport | undefined;
  /** Unix time in milliseconds of the last one that judged it. */
  readonly driftJudgedAt?: number | undefined;
}

type ReadCollection = Extract<Collection, { status: 'read' }>;

interface Entry extends Snapshot {
  readonly dataSource: DataSource;
}

/** The newest collection of every connection; counts failures and logs changes as collections come in. */
export class Snapshots {
  private readonly entries = new Map<string, Entry>();

  /** @param connections - those that are asked for, in this order */
  of(connections: Iterable<string>): readonly Snapshot[] {
    return Array.from(connections, (connection) => this.entries.get(connection)).filter(
      (entry) => entry !== undefined,
    );
  }

  /** Takes in a collection that is newer than the one that is known. */
  keep(connection: string, dataSource: DataSource, collection: Collection | undefined): void {
    const entry = this.entries.get(connection);
    const previous = entry?.dataSource === dataSource ? entry : undefined;
    if (collection === undefined) {
      if (previous === undefined) this.entries.set(connection, firstEntry(connection, dataSource));
      return;
    }
    if ((previous?.collection?.sequence ?? -1) >= collection.sequence) return;
    logCollection(connection, previous?.collection, collection);
    const known = previous ?? firstEntry(connection, dataSource);
    const { lastRead, failures, synchronizes } = known;
    const isRead = collection.status === 'read';
    if (isRead && lastRead === undefined && !synchronizes) warnOfNoneDefined(connection, collection.state);
    this.entries.set(connection, {
      ...known,
      defined: definedCount(dataSource),
      collection,
      lastRead: isRead ? collection : lastRead,
      failures: isRead ? failures : countOne(failures, collection.reason),
    });
  }

  /** Takes in what was found of a schema, unless the connection is another one meanwhile. */
  keepDrift(connection: string, dataSource: DataSource, drift: DriftReport): void {
    const entry = this.entries.get(connection);
    if (entry?.dataSource !== dataSource) return;
    const driftJudgedAt = drift.statements === null ? entry.driftJudgedAt : Date.parse(drift.checkedAt);
    this.entries.set(connection, { ...entry, drift, driftJudgedAt });
  }

  /** Drops the connections that are not among these. */
  retain(connections: { has(connection: string): boolean }): void {
    for (const connection of this.entries.keys()) {
      if (!connections.has(connection)) this.entries.delete(connection);
    }
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
    synchronizes: isSynchronized(dataSource),
    collection: undefined,
    lastRead: undefined,
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

function isSynchronized(dataSource: DataSource): boolean {
  try {
    return dataSource.options.synchronize === true;
  } catch {
    return false;
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
