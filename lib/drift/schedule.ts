import type { DataSource } from 'typeorm';
import { clock } from '../clock';
import { judgeDrift, type ReadState } from './judge';
import type { DriftReading } from './reading';

/** A connection whose drift is read. */
export interface DriftTarget {
  readonly connection: string;
  readonly dataSource: DataSource;
  readonly state: ReadState;
}

export interface DriftScheduleOptions {
  /** Milliseconds between the end of one round and the start of the next. */
  readonly interval: number;
  /** Milliseconds that one connection may take. */
  readonly timeout: number;
  /** The connections, at each round anew. */
  readonly targets: () => Iterable<DriftTarget>;
  /** Called with each reading as soon as it is known. */
  readonly onReading: (target: DriftTarget, reading: DriftReading) => void;
}

/** Reads drift on an interval of its own, one connection after the other, so that one schema at most is read at a time. */
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

  /** Reads nothing from now on, and destroys the connection of a reading that is under way. */
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
      // The connections could not be listed: the next round asks again.
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
    // What a shutdown cut short tells nothing of the schema.
    if (!signal.aborted) this.options.onReading(target, reading);
  }
}
