import type { DriftReport } from '../drift/report';
import type { FailureReason } from '../migration/failure';
import type { MigrationState } from '../migration/state';
import type { Snapshot } from '../monitor/snapshots';
import { type Forbidden, type MigrationStatus, type Policy, verdict } from './verdict';

/** One connection in a {@link MigrationsReport}. What is not known is `null`. */
export interface ConnectionReport {
  /** Its alias. */
  readonly connection: string;
  /** TypeORM's driver type, as `postgres`. */
  readonly database: string;
  readonly status: MigrationStatus;
  /** Whether the policy allows what there is. */
  readonly ok: boolean;
  /** Everything that it does not allow; `drift` for the command line alone. */
  readonly failedOn: readonly (Forbidden | 'drift')[];
  /** How many migrations the code defines: known while the DataSource has been connected once. */
  readonly defined: number | null;
  /** How many are recorded in the database. */
  readonly applied: number | null;
  /** Names of those that are defined and not recorded. */
  readonly unapplied: readonly string[] | null;
  /** Names of those that are recorded and not defined. */
  readonly unknown: readonly string[] | null;
  /** Names of those that are unapplied and older than the newest applied one. */
  readonly outOfOrder: readonly string[] | null;
  /** Why the newest reading failed, if it did. */
  readonly reason?: FailureReason;
  /** How long the newest reading took. */
  readonly durationSeconds: number;
  /** When the newest reading was made. */
  readonly readAt: string;
  /** When one last succeeded. */
  readonly lastSuccessAt: string | null;
  /** What the entities want and the schema has not, where that is read. */
  readonly drift?: DriftReport;
}

/** What the status page serves, and what `check --json` prints: `docs/report.schema.json`. */
export interface MigrationsReport {
  readonly version: 1;
  /** `unreadable` if any connection is, else `unapplied` if any is. */
  readonly status: MigrationStatus;
  /** Whether every connection is ok. */
  readonly ok: boolean;
  readonly checkedAt: string;
  readonly connections: readonly ConnectionReport[];
}

/** Reports on connections under a policy, which also says on which. */
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

/** The connections that a policy speaks of. */
export function judged(snapshots: readonly Snapshot[], { connections }: Policy): readonly Snapshot[] {
  return connections === undefined
    ? snapshots
    : snapshots.filter(({ connection }) => connections.includes(connection));
}

/** The state that counts for a policy: the newest, or else the last one that could be read. */
export function stateUnder(
  { collection, lastRead }: Snapshot,
  { whenUnreadable }: Policy,
): MigrationState | undefined {
  if (collection?.status === 'read') return collection.state;
  return whenUnreadable === 'last' ? lastRead?.state : undefined;
}

/** Why the newest reading failed; a connection that has not been read yet has timed out. */
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
