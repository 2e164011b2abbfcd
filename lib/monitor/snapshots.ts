import type { DataSource } from 'typeorm';
import type { DriftReport } from '../drift/report';
import { definedCount } from '../migration/defined';
import type { FailureReason } from '../migration/failure';
import type { Collection } from '../migration/reader';
import type { MigrationState } from '../migration/state';
import { logCollection, warnOfNoneDefined } from './log';

/** The known state of one connection. */
export interface Snapshot {
  readonly connection: string;
  /** TypeORM's driver type, such as `postgres`. */
  readonly database: string;
  /** The newest collection; `undefined` until the first one. */
  readonly collection: Collection | undefined;
  /** The last collection that succeeded. */
  readonly lastRead: ReadCollection | undefined;
  /** How many migrations the code defines, if known. Set even while the database cannot be read. */
  readonly defined?: number | undefined;
  /**
   * Whether `synchronize: true` is set: TypeORM then makes the schema from the entities and migrations do not
   * matter.
   */
  readonly synchronizes: boolean;
  /** Failed collections, by reason. */
  readonly failures: Readonly<Partial<Record<FailureReason, number>>>;
  /** The newest drift report, if drift is checked. */
  readonly drift?: DriftReport | undefined;
  /** Unix time in milliseconds of the last check that judged the schema. */
  readonly driftJudgedAt?: number | undefined;
}

type ReadCollection = Extract<Collection, { status: 'read' }>;

interface Entry extends Snapshot {
  readonly dataSource: DataSource;
}

/** Keeps the newest collection of every connection. Counts failures and logs changes. */
export class Snapshots {
  private readonly entries = new Map<string, Entry>();

  /** @param connections - the connections to return, in this order */
  of(connections: Iterable<string>): readonly Snapshot[] {
    return Array.from(connections, (connection) => this.entries.get(connection)).filter(
      (entry) => entry !== undefined,
    );
  }

  /** Stores a collection if it is newer than the stored one. */
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

  /** Stores a drift report, unless the alias now belongs to another DataSource. */
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

/** The DataSource may be a proxy whose properties throw. */
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

/** The result of one read of one connection. */
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

/** Converts a collection for the public API. A collection that did not finish in time has failed. */
export function readingOf(connection: string, collection: Collection | undefined): MigrationReading {
  if (collection === undefined)
    return { connection, status: 'failed', reason: 'timeout', durationSeconds: 0 };
  const { durationSeconds } = collection;
  return collection.status === 'read'
    ? { connection, status: 'read', state: collection.state, durationSeconds }
    : { connection, status: 'failed', reason: collection.reason, durationSeconds };
}
