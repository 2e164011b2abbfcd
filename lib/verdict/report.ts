import type { DriftReport } from '../drift/report';
import type { FailureReason } from '../migration/failure';
import type { MigrationState } from '../migration/state';
import type { Snapshot } from '../monitor/snapshots';
import { type Forbidden, type MigrationStatus, type Policy, verdict } from './verdict';

/** One connection in a {@link MigrationsReport}. Unknown values are `null`. */
export interface ConnectionReport {
  /** Its alias. */
  readonly connection: string;
  /** TypeORM's driver type, such as `postgres`. */
  readonly database: string;
  readonly status: MigrationStatus;
  /** Whether the connection meets the policy. */
  readonly ok: boolean;
  /** All violations of the policy; `drift` only on the command line. */
  readonly failedOn: readonly (Forbidden | 'drift')[];
  /** How many migrations the code defines; known once the DataSource has been connected. */
  readonly defined: number | null;
  /** How many are recorded in the database. */
  readonly applied: number | null;
  /** Names of the migrations that are defined and not recorded. */
  readonly unapplied: readonly string[] | null;
  /** Names of the migrations that are recorded and not defined. */
  readonly unknown: readonly string[] | null;
  /** Names of the unapplied migrations that are older than the newest applied one. */
  readonly outOfOrder: readonly string[] | null;
  /** Why the newest reading failed, if it did. */
  readonly reason?: FailureReason;
  /** How long the newest reading took. */
  readonly durationSeconds: number;
  /** When the newest reading was made. */
  readonly readAt: string;
  /** When a reading last succeeded. */
  readonly lastSuccessAt: string | null;
  /** Differences between the schema and the entities, if drift is checked. */
  readonly drift?: DriftReport;
}

/** The JSON of the status page and of `check --json`: `docs/report.schema.json`. */
export interface MigrationsReport {
  readonly version: 1;
  /** `unreadable` if any connection is, else `unapplied` if any is. */
  readonly status: MigrationStatus;
  /** Whether every connection is ok. */
  readonly ok: boolean;
  readonly checkedAt: string;
  readonly connections: readonly ConnectionReport[];
}

/** Reports on the connections that a policy selects. */
export function reportOf(snapshots: readonly Snapshot[], policy: Policy, now = new Date()): MigrationsReport {
  const connections = judged(snapshots, policy).map((snapshot) => connectionReport(snapshot, policy, now));
  return {
    version: 1,
    status: worstOf(connections),
    ok: connections.every(({ ok }) => ok),
    checkedAt: now.toISOString(),
    connections,
  };
}

/** Returns the connections that a policy selects. */
export function judged(snapshots: readonly Snapshot[], { connections }: Policy): readonly Snapshot[] {
  return connections === undefined
    ? snapshots
    : snapshots.filter(({ connection }) => connections.includes(connection));
}

/**
 * Returns the state that a policy judges: the newest one, or with `whenUnreadable: 'last'` the last
 * successful one.
 */
export function stateUnder(
  { collection, lastRead }: Snapshot,
  { whenUnreadable }: Policy,
): MigrationState | undefined {
  if (collection?.status === 'read') return collection.state;
  return whenUnreadable === 'last' ? lastRead?.state : undefined;
}

/** Returns why the newest reading failed. A connection without a reading has timed out. */
export function reasonOf({ collection }: Snapshot): FailureReason | undefined {
  if (collection === undefined) return 'timeout';
  return collection.status === 'failed' ? collection.reason : undefined;
}

function connectionReport(snapshot: Snapshot, policy: Policy, now: Date): ConnectionReport {
  const { connection, database, collection, lastRead } = snapshot;
  const state = stateUnder(snapshot, policy);
  const reason = reasonOf(snapshot);
  return {
    connection,
    database,
    ...verdict(state, policy),
    defined: state?.defined.length ?? snapshot.defined ?? null,
    applied: state?.applied.length ?? null,
    unapplied: state?.unapplied ?? null,
    unknown: state?.unknown ?? null,
    outOfOrder: state?.outOfOrder ?? null,
    ...(reason !== undefined && { reason }),
    durationSeconds: collection?.durationSeconds ?? 0,
    readAt: new Date(collection?.at ?? now).toISOString(),
    lastSuccessAt: lastRead === undefined ? null : new Date(lastRead.at).toISOString(),
    ...(snapshot.drift !== undefined && { drift: snapshot.drift }),
  };
}

function worstOf(connections: readonly { status: MigrationStatus }[]): MigrationStatus {
  const has = (wanted: MigrationStatus) => connections.some(({ status }) => status === wanted);
  return has('unreadable') ? 'unreadable' : has('unapplied') ? 'unapplied' : 'up-to-date';
}
