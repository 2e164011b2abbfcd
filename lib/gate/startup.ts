import { logger } from '../logger';
import type { Monitor } from '../monitor/monitor';
import type { Snapshot } from '../monitor/snapshots';
import type { GateAction } from '../options/option.types';
import { MigrationsGateError } from '../prometheus-migrations.errors';
import { type Fault, faultsOf, summaryOf } from '../verdict/faults';
import { waitForMigrations } from '../verdict/waiting';

export interface GateOptions {
  readonly onUnapplied: GateAction;
  readonly onUnreadable: GateAction;
  /** Milliseconds. */
  readonly waitFor?: { readonly timeout: number; readonly interval: number } | undefined;
}

/** Signals that ask a process to end. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;

/** Holds the start of the application until its migrations are applied, or decides without them. */
export class StartupGate {
  private readonly interruption = new AbortController();

  constructor(
    private readonly monitor: Monitor,
    private readonly options: GateOptions,
  ) {}

  /** Whether it has to read even if nothing is exported. */
  get isSet(): boolean {
    const { onUnapplied, onUnreadable, waitFor } = this.options;
    return onUnapplied === 'fail' || onUnreadable === 'fail' || waitFor !== undefined;
  }

  /**
   * @param snapshots - what is known already
   * @throws {@link MigrationsGateError} if the options say `fail`, or the application shuts down meanwhile
   */
  async pass(snapshots: readonly Snapshot[]): Promise<void> {
    const { onUnapplied, onUnreadable } = this.options;
    const stopListening = this.listenForSignals();
    const faults = faultsOf(await this.waited(snapshots).finally(stopListening), {});
    if (this.interruption.signal.aborted) {
      throw new MigrationsGateError('The application was shut down while it waited for its migrations.');
    }
    const fatal = faults.filter(
      ({ reason }) => (reason === undefined ? onUnapplied : onUnreadable) === 'fail',
    );
    if (fatal.length > 0) throw new MigrationsGateError(failure(fatal));
    // An unreadable connection was warned about when it was read.
    const unapplied = faults.filter(({ reason }) => reason === undefined);
    if (onUnapplied === 'warn' && unapplied.length > 0) {
      logger.warn(`The application starts with unapplied migrations: ${summaryOf(unapplied)}.`);
    }
  }

  /** Ends the wait: the application shuts down. */
  stop(): void {
    this.interruption.abort();
  }

  /**
   * A signal ends the wait even if its handler does not close the application. A context without HTTP
   * could not be closed anyway: Nest runs the hooks of its shutdown after those of its start. If nobody
   * handles a signal, it ends the process by itself, and a handler of ours would prevent that.
   *
   * @returns A function that stops listening.
   */
  private listenForSignals(): () => void {
    const handled = SIGNALS.filter((signal) => process.listenerCount(signal) > 0);
    const stop = () => this.stop();
    for (const signal of handled) process.once(signal, stop);
    return () => {
      for (const signal of handled) process.off(signal, stop);
    };
  }

  private async waited(first: readonly Snapshot[]): Promise<readonly Snapshot[]> {
    const { waitFor } = this.options;
    if (waitFor === undefined) return first;
    return waitForMigrations(first, {
      ...waitFor,
      policy: {},
      signal: this.interruption.signal,
      read: () => this.monitor.readNow(),
      tell: (line) => logger.log(line),
    });
  }
}

/** Names in a message, at the most. */
const MOST_NAMES = 5;

function failure(faults: readonly Fault[]): string {
  const lines = faults.map(({ connection, unapplied, problems, reason }) =>
    reason === undefined
      ? `${connection}: ${unapplied.length} unapplied: ${namesOf(unapplied)}`
      : `${connection}: ${problems.join(' and ')}`,
  );
  const fix = faults.some(({ reason }) => reason === undefined)
    ? 'Apply them before the application starts: `npx typeorm migration:run -d <your data source file>`.'
    : 'See that the database can be reached and read; the log tells more.';
  return (
    `The application does not start: its migrations are not up to date.\n  ${lines.join('\n  ')}\n${fix} ` +
    "To start all the same, set the options onUnapplied and onUnreadable to 'warn'."
  );
}

function namesOf(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return `${names.slice(0, MOST_NAMES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
