import type { DataSource } from 'typeorm';
import { definedMigrations } from './defined-migrations';
import { failureDetail, failureReason, MigrationFailure } from './migration.failure';
import {
  type FailureReason,
  joinMigrations,
  type MigrationState,
  type OrderedMigrations,
} from './migration.state';
import { recordedMigrations } from './recorded-migrations';

/** What one reading came to. The same object is given out until a newer reading has answered. */
export type ReadingOutcome = {
  /** When it began, by the monotonic clock: of two, the later one counts. */
  readonly startedAt: number;
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
  /** Ends the waiting for the reading under way: it counts as timed out. */
  giveUp(): ReadingOutcome;
}

/** Reads a DataSource's migrations: what its code defines, joined with what its database has recorded. */
export function migrationReader(dataSource: DataSource, timeout: number): MigrationReader {
  const recordedNames = recordedMigrations(dataSource);
  let last: { defined: OrderedMigrations; recorded: readonly string[]; state: MigrationState } | undefined;

  return singleFlightReader({
    timeout,
    async read() {
      if (!dataSource.isInitialized) throw new MigrationFailure('uninitialized');
      const defined = await definedMigrations(dataSource);
      const recorded = await recordedNames();
      // To compare the names is several times cheaper than to join them, and mostly nothing has changed.
      if (last?.defined !== defined || !areEqual(last.recorded, recorded)) {
        last = { defined, recorded, state: joinMigrations(defined, new Set(recorded)) };
      }
      return last.state;
    },
    // Drivers fail in many words when a DataSource is destroyed while they are being asked.
    reason: (error) =>
      dataSource.isInitialized ? failureReason(error, dataSource.options.type) : 'uninitialized',
  });
}

function areEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}

/** A reading still unanswered after so many time-outs is given up, so that a fresh connection is tried. */
const ABANDONED_AFTER_TIMEOUTS = 10;
/** Readings that may be unanswered at once: the one that counts, and one given up. */
const MAX_OUTSTANDING = 2;

interface Flight {
  readonly startedAt: number;
  readonly outcome: Promise<ReadingOutcome>;
  readonly isAnswered: () => boolean;
  readonly timeOut: () => ReadingOutcome;
}

type Result =
  { status: 'read'; state: MigrationState } | { status: 'failed'; reason: FailureReason; detail?: string };

const TIMED_OUT: Result = { status: 'failed', reason: 'timeout' };

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
  let latest: ReadingOutcome | undefined;

  // To set a timer for each reading and clear it again would cost as much as a small reading itself: this
  // one is left running, and looks when it rings whether a reading has become due.
  let alarm: NodeJS.Timeout | undefined;
  function ring() {
    alarm = undefined;
    if (current === undefined || current.isAnswered()) return;
    const left = current.startedAt + timeout - performance.now();
    if (left > 0) alarm = setTimeout(ring, left).unref();
    else current.timeOut();
  }

  function start(): Flight {
    const startedAt = performance.now();
    let answer!: (outcome: ReadingOutcome) => void;
    let known: ReadingOutcome | undefined;
    alarm ??= setTimeout(ring, timeout).unref();
    function conclude(result: Result): ReadingOutcome {
      if (known !== undefined) return known;
      const took = performance.now() - startedAt;
      known = {
        // A busy event loop can let the answer overtake the timer.
        ...(took > timeout ? TIMED_OUT : result),
        startedAt,
        at: Date.now(),
        durationSeconds: took / 1000,
      };
      if (latest === undefined || latest.startedAt <= startedAt) latest = known;
      answer(known);
      return known;
    }

    const flight: Flight = {
      startedAt,
      outcome: new Promise((resolve) => (answer = resolve)),
      isAnswered: () => known !== undefined,
      timeOut: () => conclude(TIMED_OUT),
    };
    // Before the answer is given out, so that whoever got it finds the way free.
    function land() {
      outstanding.delete(flight);
      if (current === flight) current = undefined;
    }
    outstanding.add(flight);
    void options.read().then(
      (state) => {
        land();
        // The database answers: what was lost before can be lost again without being held against it.
        for (const older of outstanding) if (older.startedAt < startedAt) outstanding.delete(older);
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

  function underWay(): Flight {
    const isLost =
      current !== undefined &&
      performance.now() - current.startedAt >= ABANDONED_AFTER_TIMEOUTS * timeout &&
      outstanding.size < MAX_OUTSTANDING;
    if (current === undefined || isLost) current = start();
    return current;
  }

  return {
    async read(maxAge) {
      if (maxAge !== 'now') {
        if (latest !== undefined && performance.now() - latest.startedAt < maxAge) return latest;
        return underWay().outcome;
      }
      const calledAt = performance.now();
      const first = underWay();
      const outcome = await first.outcome;
      // One that was under way may have looked before the change that the caller wants to see.
      return first.startedAt >= calledAt || current === first ? outcome : underWay().outcome;
    },
    giveUp: () =>
      current?.timeOut() ?? {
        status: 'failed',
        reason: 'timeout',
        startedAt: performance.now(),
        at: Date.now(),
        durationSeconds: 0,
      },
  };
}
