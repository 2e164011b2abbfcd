export const RUN_OUTCOMES = ['succeeded', 'failed'] as const;

/** How a run of migrations ended. */
export type RunOutcome = (typeof RUN_OUTCOMES)[number];

/** In seconds: from a run without anything to apply to one that rebuilds a large table. */
export const RUN_BUCKETS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 1800, 3600];

/** The ended runs of one outcome. */
interface EndedRuns {
  count: number;
  /** Total duration. */
  seconds: number;
  /** Number of runs by bucket of {@link RUN_BUCKETS}, not cumulative. */
  readonly buckets: number[];
  /** Unix time in seconds of the last end. */
  lastEndedAt: number | undefined;
}

/** Totals of runs, so that an ended run takes no memory. */
export class RunTotals {
  inProgress = 0;
  readonly ended: Readonly<Record<RunOutcome, EndedRuns>> = { succeeded: noRuns(), failed: noRuns() };

  begin(): void {
    this.inProgress += 1;
  }

  end(outcome: RunOutcome, seconds: number): void {
    const runs = this.ended[outcome];
    const bucket = RUN_BUCKETS.findIndex((bound) => seconds <= bound);
    if (bucket !== -1) runs.buckets[bucket] = (runs.buckets[bucket] ?? 0) + 1;
    runs.count += 1;
    runs.seconds += seconds;
    runs.lastEndedAt = Date.now() / 1000;
    this.inProgress -= 1;
  }

  add(other: RunTotals): void {
    this.inProgress += other.inProgress;
    for (const outcome of RUN_OUTCOMES) {
      const runs = this.ended[outcome];
      const { count, seconds, buckets, lastEndedAt } = other.ended[outcome];
      if (lastEndedAt === undefined) continue;
      runs.count += count;
      runs.seconds += seconds;
      for (let index = 0; index < buckets.length; index += 1)
        runs.buckets[index] = (runs.buckets[index] ?? 0) + (buckets[index] ?? 0);
      runs.lastEndedAt = Math.max(runs.lastEndedAt ?? 0, lastEndedAt);
    }
  }
}

/** Adds runs to those of the same label. */
export function addTo(totals: Map<string, RunTotals>, label: string, runs: RunTotals): void {
  let sum = totals.get(label);
  if (sum === undefined) totals.set(label, (sum = new RunTotals()));
  sum.add(runs);
}

function noRuns(): EndedRuns {
  return { count: 0, seconds: 0, buckets: RUN_BUCKETS.map(() => 0), lastEndedAt: undefined };
}
