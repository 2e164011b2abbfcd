import type { DataSource } from 'typeorm';
import { clock } from '../clock';
import { judgeDrift, type ReadState } from './judge';
import type { DriftReading } from './reading';

/** A connection to check for drift. */
export interface DriftTarget {
  readonly connection: string;
  readonly dataSource: DataSource;
  readonly state: ReadState;
}

export interface DriftScheduleOptions {
  /** Milliseconds between the end of one round and the start of the next. */
  readonly interval: number;
  /** Milliseconds that the check of one connection may take. */
  readonly timeout: number;
  /** Returns the connections; called for each round. */
  readonly targets: () => Iterable<DriftTarget>;
  /** Called with each reading as soon as it is available. */
  readonly onReading: (target: DriftTarget, reading: DriftReading) => void;
}

/**
 * Reads drift on an interval, one connection after the other, so that at most one schema is read at a time.
 */
export class DriftSchedule {
  private readonly stopping = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private isStarted = false;

  constructor(private readonly options: DriftScheduleOptions) {}

  /** Starts the first round at once. */
  start(): void {
    if (this.isStarted || this.stopping.signal.aborted) return;
    this.isStarted = true;
    void this.run();
  }

  /** Stops the schedule, and destroys the connection of a running check. */
  stop(): void {
    this.stopping.abort();
    clock.clearTimeout(this.timer);
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    try {
      for (const target of this.options.targets()) {
        if (signal.aborted) return;
        await this.read(target);
      }
    } catch {
      // The connections could not be listed: the next round tries again.
    }
    if (signal.aborted) return;
    this.timer = clock.setTimeout(() => void this.run(), this.options.interval).unref();
  }

  private async read(target: DriftTarget): Promise<void> {
    const { dataSource, state } = target;
    const { signal } = this.stopping;
    const reading = await judgeDrift(dataSource, state, { timeout: this.options.timeout, signal }).catch(
      (): DriftReading => ({ skipped: 'other', checkedAt: Date.now() }),
    );
    // A check that the shutdown aborted has no valid result.
    if (!signal.aborted) this.options.onReading(target, reading);
  }
}
