import type { DataSource } from 'typeorm';
import { definedMigrations } from './defined-migrations';
import { failureDetail, failureReason, MigrationFailure } from './migration.failure';
import { type FailureReason, joinMigrations, type MigrationState } from './migration.state';
import { recordedMigrations } from './recorded-migrations';

/** What one reading came to. The same object is given out until a newer reading has answered. */
export type ReadingOutcome = {
  /** Unix time in milliseconds at which it was known. */
  readonly at: number;
  readonly durationSeconds: number;
} & (
  | { readonly status: 'read'; readonly state: MigrationState }
  | {
      readonly status: 'failed';
      readonly reason: FailureReason;
      /** What a log may tell beyond the reason. */
      readonly detail?: string;
    }
);

/** Reads one connection; answers within its time-out and never throws. */
export interface MigrationReader {
  /**
   * The newest reading where it began less than `maxAge` ms ago, else the one under way, else a new one.
   *
   * @param maxAge - `'now'`: a reading that begins after this call
   */
  read(maxAge: number | 'now'): Promise<ReadingOutcome>;
}

/** Reads a DataSource's migrations: what its code defines, joined with what its database has recorded. */
export function migrationReader(dataSource: DataSource, timeout: number): MigrationReader {
  const recorded = recordedMigrations(dataSource);
  return singleFlightReader({
    timeout,
    async read() {
      if (!dataSource.isInitialized) throw new MigrationFailure('uninitialized');
      const defined = definedMigrations(dataSource);
      return joinMigrations(defined, await recorded());
    },
    // Drivers fail in many words when a DataSource is destroyed while they are being asked.
    reason: (error) =>
      dataSource.isInitialized ? failureReason(error, dataSource.options.type) : 'uninitialized',
  });
}

/** A reading still unanswered after so many time-outs is given up, so that a fresh connection is tried. */
const ABANDONED_AFTER_TIMEOUTS = 10;
/** Readings that may be unanswered at once: the one that counts, and one given up. */
const MAX_OUTSTANDING = 2;

interface Flight {
  readonly startedAt: number;
  readonly outcome: Promise<ReadingOutcome>;
}

/**
 * One reading in flight at a time. The time-out answers those who wait, but doesn't clear the flight: a
 * database that hangs is not asked again until it has answered, or has been given up.
 */
export function singleFlightReader(options: {
  /** ms after which a reading counts as failed. */
  timeout: number;
  read: () => Promise<MigrationState>;
  reason: (error: unknown) => FailureReason;
}): MigrationReader {
  const { timeout } = options;
  const outstanding = new Set<Flight>();
  let current: Flight | undefined;
  let latest: { startedAt: number; outcome: ReadingOutcome } | undefined;

  function start(): Flight {
    const startedAt = performance.now();
    let answer!: (outcome: ReadingOutcome) => void;
    const flight: Flight = { startedAt, outcome: new Promise((resolve) => (answer = resolve)) };

    let known = false;
    const timer = setTimeout(() => conclude({ status: 'failed', reason: 'timeout' }), timeout);
    function conclude(
      result:
        | { status: 'read'; state: MigrationState }
        | { status: 'failed'; reason: FailureReason; detail?: string },
    ) {
      if (known) return;
      known = true;
      clearTimeout(timer);
      const took = performance.now() - startedAt;
      const outcome: ReadingOutcome = {
        // A busy event loop can let the answer overtake the timer.
        ...(took > timeout ? { status: 'failed', reason: 'timeout' } : result),
        at: Date.now(),
        durationSeconds: took / 1000,
      };
      latest = { startedAt, outcome };
      answer(outcome);
    }

    // Before the answer is given out, so that whoever got it finds the way free.
    function land() {
      outstanding.delete(flight);
      if (current === flight) current = undefined;
    }
    outstanding.add(flight);
    void options.read().then(
      (state) => {
        land();
        conclude({ status: 'read', state });
      },
      (error: unknown) => {
        land();
        const detail = failureDetail(error);
        conclude({
          status: 'failed',
          reason: options.reason(error),
          ...(detail !== undefined && { detail }),
        });
      },
    );
    return flight;
  }

  function flight(): Flight {
    const lost =
      current !== undefined &&
      performance.now() - current.startedAt >= ABANDONED_AFTER_TIMEOUTS * timeout &&
      outstanding.size < MAX_OUTSTANDING;
    if (current === undefined || lost) current = start();
    return current;
  }

  return {
    async read(maxAge) {
      if (maxAge !== 'now') {
        if (latest !== undefined && performance.now() - latest.startedAt < maxAge) return latest.outcome;
        return flight().outcome;
      }
      const calledAt = performance.now();
      const first = flight();
      const outcome = await first.outcome;
      // One that was under way may have looked before the change that the caller wants to see.
      return first.startedAt >= calledAt || current === first ? outcome : flight().outcome;
    },
  };
}
