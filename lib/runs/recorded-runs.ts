import type { DataSource } from 'typeorm';
import { nameOf } from '../data-source/alias';
import { recordRuns } from './record';
import { type RunOutcome, RunTotals } from './totals';

/** A consumer of runs. */
export interface RunListener {
  /** Returns the alias of the DataSource, if it is exported. */
  alias?(): string | undefined;
  /** A run has begun or ended. */
  changed?(): void;
  ended?(outcome: RunOutcome, seconds: number): void;
  /** The DataSource was garbage-collected. */
  retired?(): void;
}

/** The runs of one DataSource, recorded once for all consumers. It holds no reference to the DataSource. */
export class RecordedRuns {
  readonly totals = new RunTotals();
  readonly listeners = new Set<RunListener>();
  /** The label `connection` of the options. */
  label: string | undefined;
  /**
   * The DataSource's own name. A failed start leaves its runs behind, and the next start has another
   * DataSource of the same name.
   */
  private readonly name: string | undefined;

  constructor(dataSource: DataSource) {
    this.name = nameOf(dataSource);
  }

  /** Starts to record the runs. */
  start(dataSource: DataSource): void {
    recordRuns(dataSource, this);
    recorded.set(dataSource, this);
    gone.register(dataSource, this);
  }

  labelFor(alias = this.name ?? 'default'): string {
    return this.label ?? alias;
  }

  /** Returns the name of the DataSource in the log. */
  connection(): string {
    for (const listener of this.listeners) {
      const alias = listener.alias?.();
      if (alias !== undefined) return this.labelFor(alias);
    }
    return this.labelFor();
  }

  begin(): void {
    this.totals.begin();
    for (const listener of this.listeners) listener.changed?.();
  }

  end(outcome: RunOutcome, seconds: number): void {
    this.totals.end(outcome, seconds);
    for (const listener of this.listeners) {
      listener.ended?.(outcome, seconds);
      listener.changed?.();
    }
  }

  retire(): void {
    for (const listener of this.listeners) listener.retired?.();
  }
}

const recorded = new WeakMap<DataSource, RecordedRuns>();

/**
 * An application with a DataSource per tenant may close hundreds of them: then only their totals are kept.
 */
const gone = new FinalizationRegistry<RecordedRuns>((runs) => runs.retire());

/** Returns the runs of a DataSource, if they are recorded. */
export function recordedOf(dataSource: DataSource): RecordedRuns | undefined {
  return recorded.get(dataSource);
}
