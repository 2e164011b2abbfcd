import { logger } from '../logger';
import { describe } from '../prometheus-migrations.errors';
import { DRIFT_ADVICE } from './advice';
import { type DriftIgnore, ignoreDrift } from './ignore';
import type { DriftReading, DriftSkip } from './reading';
import { type DriftReport, driftReportOf } from './report';
import { DriftSchedule, type DriftTarget } from './schedule';

export interface DriftWatchOptions {
  /** Milliseconds. */
  readonly interval: number;
  /** Milliseconds. */
  readonly timeout: number;
  readonly ignore?: readonly DriftIgnore[] | undefined;
  /** Aliases; all connections if not set. */
  readonly connections?: readonly string[] | undefined;
}

/** Lists the connections and keeps the report of each. */
export interface DriftKeeper {
  driftTargets(): readonly DriftTarget[];
  keepDrift(target: DriftTarget, report: DriftReport): void;
}

/** Reasons that stay while the DataSource has the same options. */
const LASTING: readonly DriftSkip[] = ['no_entities', 'shared_connection', 'unsupported'];

/** Reads and keeps the drift of an application's connections, and warns about options that match nothing. */
export class DriftWatch {
  private readonly schedule: DriftSchedule;
  /** Aliases of the connections of this round. */
  private current: readonly string[] = [];
  private readonly judged = new Set<string>();
  private readonly matched = new Set<DriftIgnore>();
  /** Entries, names and skips with a warning in the log. */
  private readonly warned = new Set<unknown>();

  constructor(
    private readonly options: DriftWatchOptions,
    private readonly keeper: DriftKeeper,
  ) {
    const { interval, timeout } = options;
    this.schedule = new DriftSchedule({
      interval,
      timeout,
      targets: () => this.targets(),
      onReading: (target, reading) => this.keep(target, reading),
    });
  }

  start(): void {
    this.schedule.start();
  }

  /** Destroys the connection of a running check. */
  stop(): void {
    this.schedule.stop();
  }

  private targets(): readonly DriftTarget[] {
    const all = this.keeper.driftTargets();
    const { connections = all.map(({ connection }) => connection) } = this.options;
    const missing = connections.filter((name) => all.every(({ connection }) => connection !== name));
    for (const name of missing)
      this.warnOnce(name, `drift.connections names ${describe(name)}, which is not a connection.`);
    const targets = all.filter(({ connection }) => connections.includes(connection));
    this.current = targets.map(({ connection }) => connection);
    return targets;
  }

  private keep(target: DriftTarget, reading: DriftReading): void {
    const { ignore = [] } = this.options;
    this.keeper.keepDrift(target, driftReportOf(reading, { ignore }));
    if ('skipped' in reading) return this.warnOfSkip(target.connection, reading.skipped);
    this.judged.add(target.connection);
    const { unmatched } = ignoreDrift(reading.differences, ignore);
    for (const entry of ignore) if (!unmatched.includes(entry)) this.matched.add(entry);
    if (this.current.every((connection) => this.judged.has(connection))) this.warnOfUnmatched(ignore);
  }

  private warnOfSkip(connection: string, skip: DriftSkip): void {
    if (!LASTING.includes(skip)) return;
    this.warnOnce(
      `${connection}: ${skip}`,
      `${connection}: schema drift is not known (${skip}). ${DRIFT_ADVICE[skip].meaning} ` +
        'drift.connections can leave the connection out.',
    );
  }

  private warnOfUnmatched(ignore: readonly DriftIgnore[]): void {
    for (const entry of ignore.filter((each) => !this.matched.has(each))) {
      this.warnOnce(
        entry,
        `drift.ignore has ${typeof entry === 'object' ? String(entry) : describe(entry)}, which matches no difference of any connection. ` +
          'Remove it, or write it as change:table.name.',
      );
    }
  }

  private warnOnce(what: unknown, message: string): void {
    if (this.warned.has(what)) return;
    this.warned.add(what);
    logger.warn(message);
  }
}
