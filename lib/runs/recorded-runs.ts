import type { DataSource } from 'typeorm';
import { nameOf } from '../data-source/alias';
import { recordRuns } from './record';
import { type RunOutcome, RunTotals } from './totals';

/** Shows runs, or helps to show them. */
export interface RunListener {
  /** The alias under which the DataSource is exported, if it is. */
  alias?(): string | undefined;
  /** A run has begun or ended. */
  changed?(): void;
  ended?(outcome: RunOutcome, seconds: number): void;
  /** The DataSource was collected as garbage. */
  retired?(): void;
}

/** The runs of one DataSource, which it does not hold. They are recorded once, whoever shows them. */
export class RecordedRuns {
  readonly totals = new RunTotals();
  readonly listeners = new Set<RunListener>();
  /** The label `connection`, if one was given. */
  label: string | undefined;
  /** As Nest names it: a start that fails leaves its runs behind, and the next has another DataSource. */
  private readonly name: string | undefined;

  constructor(dataSource: DataSource) {
    this.name = nameOf(dataSource);
  }

  /** Records the runs from now on. */
  start(dataSource: DataSource): void {
    recordRuns(dataSource, this);
    recorded.set(dataSource, this);
    gone.register(dataSource, this);
  }

  labelFor(alias = this.name ?? 'default'): string {
    return this.label ?? alias;
  }

  /** What the log calls the DataSource. */
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

/** Closed DataSources are made garbage by the hundreds where each tenant has one: their runs are kept, and nothing else. */
const gone = new FinalizationRegistry<RecordedRuns>((runs) => runs.retire());

/** The runs of a DataSource, if they are recorded. */
export function recordedOf(dataSource: DataSource): RecordedRuns | undefined {
  return recorded.get(dataSource);
}
