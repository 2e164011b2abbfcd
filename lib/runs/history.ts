export const RUN_OUTCOMES = ['succeeded', 'failed'] as const;

/** How a run of migrations ended. */
export type RunOutcome = (typeof RUN_OUTCOMES)[number];

/** A run that has ended. */
export interface Run {
  readonly outcome: RunOutcome;
  readonly seconds: number;
  /** Unix time in seconds. */
  readonly endedAt: number;
}

/**
 * The runs of one DataSource. It outlives the DataSource: a script that migrates and closes its
 * connection still reports the run.
 */
export class RunHistory {
  inProgress = 0;
  /** One for each run: a process makes a handful. */
  readonly ended: Run[] = [];

  begin(): void {
    this.inProgress += 1;
  }

  end(outcome: RunOutcome, seconds: number): void {
    this.inProgress -= 1;
    this.ended.push({ outcome, seconds, endedAt: Date.now() / 1000 });
  }
}
