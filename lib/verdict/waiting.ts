import { clock } from '../clock';
import type { Snapshot } from '../monitor/snapshots';
import { type Fault, faultsOf, summaryOf } from './faults';
import type { Forbidden, Policy } from './verdict';

export interface WaitingOptions {
  readonly policy: Policy;
  /** Milliseconds. */
  readonly timeout: number;
  /** Milliseconds between two reads. */
  readonly interval: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
  /** Reads every connection again. */
  readonly read: () => Promise<readonly Snapshot[]>;
  /** Logs a line when something has changed, or ten seconds after the last line. */
  readonly log: (line: string) => void;
}

/** Milliseconds after which an unchanged wait is logged again. */
const LOG_EVERY = 10_000;
/** Reasons that waiting cannot fix. */
const FINAL_REASONS: readonly unknown[] = ['denied', 'invalid_migrations'];
/** Violations that applying the migrations does not fix. */
const FINAL_VIOLATIONS: readonly Forbidden[] = ['unknown', 'no-migrations'];

/**
 * Waits for another process to apply the migrations. Ends when every connection meets the policy, when the
 * time is over, or when waiting cannot help: a connection is denied, has invalid migrations, or violates the policy in a
 * way that applying migrations does not fix.
 *
 * @param first - the snapshots known so far
 * @returns The last snapshots.
 */
export async function waitForMigrations(
  first: readonly Snapshot[],
  { policy, timeout, interval, signal, read, log }: WaitingOptions,
): Promise<readonly Snapshot[]> {
  const startedAt = clock.now();
  const left = () => startedAt + timeout - clock.now();
  let faults = faultsOf(first, policy);
  let snapshots = first;
  let logged = '';
  let loggedAt = -Infinity;
  while (isWorthWaiting(faults) && left() > 0 && !signal?.aborted) {
    const text = summaryOf(faults);
    if (text !== logged || clock.now() - loggedAt >= LOG_EVERY) {
      log(`Waiting for migrations to be applied, ${Math.ceil(left() / 1000)} s left: ${text}.`);
      logged = text;
      loggedAt = clock.now();
    }
    await sleep(Math.min(interval, left()), signal);
    if (signal?.aborted) break;
    snapshots = await read();
    faults = faultsOf(snapshots, policy);
  }
  if (logged !== '' && faults.length === 0) {
    const outcome = policy.allowUnapplied ? 'Nothing is left to wait for' : 'All migrations are applied';
    log(`${outcome}, after ${((clock.now() - startedAt) / 1000).toFixed(1)} s.`);
  }
  return snapshots;
}

function isWorthWaiting(faults: readonly Fault[]): boolean {
  return faults.length > 0 && !faults.some(isFinal);
}

function isFinal({ reason, failedOn }: Fault): boolean {
  return FINAL_REASONS.includes(reason) || failedOn.some((each) => FINAL_VIOLATIONS.includes(each));
}

/** Resolves after so many milliseconds, or when the signal is aborted. */
export function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.setTimeout(end, milliseconds);
    signal?.addEventListener('abort', end);
  });
}
