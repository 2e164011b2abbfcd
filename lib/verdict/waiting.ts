import { clock } from '../clock';
import type { Snapshot } from '../monitor/snapshots';
import { type Fault, faultsOf, summaryOf } from './faults';
import type { Policy } from './verdict';

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
  /** Called with a line when something has changed, or ten seconds after the last one. */
  readonly tell: (line: string) => void;
}

/** Milliseconds after which a wait is logged again, though nothing has changed. */
const TELL_EVERY = 10_000;
/** Reasons that waiting does not mend. */
const FINAL_REASONS: readonly unknown[] = ['denied', 'invalid_migrations'];

/**
 * Waits for somebody else to apply the migrations: until every connection is as the policy wants it, or
 * the time is over, or one cannot be read for a reason that waiting does not mend.
 *
 * @param first - what is known already
 * @returns What was read last.
 */
export async function waitForMigrations(
  first: readonly Snapshot[],
  { policy, timeout, interval, signal, read, tell }: WaitingOptions,
): Promise<readonly Snapshot[]> {
  const startedAt = clock.now();
  const left = () => startedAt + timeout - clock.now();
  let faults = faultsOf(first, policy);
  let snapshots = first;
  let told = '';
  let toldAt = -Infinity;
  while (isWorthWaiting(faults) && left() > 0 && !signal?.aborted) {
    const text = summaryOf(faults);
    if (text !== told || clock.now() - toldAt >= TELL_EVERY) {
      tell(`Waiting for migrations to be applied, ${Math.ceil(left() / 1000)} s left: ${text}.`);
      told = text;
      toldAt = clock.now();
    }
    await sleep(Math.min(interval, left()), signal);
    if (signal?.aborted) break;
    snapshots = await read();
    faults = faultsOf(snapshots, policy);
  }
  if (told !== '' && faults.length === 0) {
    const outcome = policy.allowUnapplied ? 'Nothing is left to wait for' : 'All migrations are applied';
    tell(`${outcome}, after ${((clock.now() - startedAt) / 1000).toFixed(1)} s.`);
  }
  return snapshots;
}

function isWorthWaiting(faults: readonly Fault[]): boolean {
  return faults.length > 0 && !faults.some(({ reason }) => FINAL_REASONS.includes(reason));
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
