import type { FailureReason } from '../migration/failure';
import type { Snapshot } from '../monitor/snapshots';
import { judged, reasonOf, stateUnder } from './report';
import { type Forbidden, type Policy, verdict } from './verdict';

/** A connection that violates a policy. */
export interface Fault {
  readonly connection: string;
  /** Names of the unapplied migrations. */
  readonly unapplied: readonly string[];
  readonly failedOn: readonly Forbidden[];
  /** Every violation, in words. */
  readonly problems: readonly string[];
  /** Why it cannot be read; `undefined` if it can. */
  readonly reason: FailureReason | undefined;
}

/** Finds the connections at fault. A connection with `synchronize: true` never is. */
export function faultsOf(snapshots: readonly Snapshot[], policy: Policy): Fault[] {
  return judged(snapshots, policy)
    .filter(({ synchronizes }) => !synchronizes)
    .map((snapshot) => ({ snapshot, failedOn: verdict(stateUnder(snapshot, policy), policy).failedOn }))
    .filter(({ failedOn }) => failedOn.length > 0)
    .map(({ snapshot, failedOn }) => ({
      connection: snapshot.connection,
      unapplied: stateUnder(snapshot, policy)?.unapplied ?? [],
      failedOn,
      problems: failedOn.map((forbidden) => PROBLEMS[forbidden](snapshot)),
      reason: reasonOf(snapshot),
    }));
}

/** Formats faults as in `default has 3 unapplied, reports cannot be read (timeout)`. */
export function summaryOf(faults: readonly Fault[]): string {
  return faults.map(({ connection, problems }) => `${connection} ${problems.join(' and ')}`).join(', ');
}

const PROBLEMS: Readonly<Record<Forbidden, (snapshot: Snapshot) => string>> = {
  unapplied: (snapshot) => `has ${stateUnder(snapshot, {})?.unapplied.length} unapplied`,
  unknown: (snapshot) => `has ${stateUnder(snapshot, {})?.unknown.length} unknown`,
  'out-of-order': (snapshot) => `has ${stateUnder(snapshot, {})?.outOfOrder.length} out of order`,
  'no-migrations': () => 'defines no migrations',
  unreadable: (snapshot) => `cannot be read (${reasonOf(snapshot)})`,
};
