import { clock } from '../clock';
import { logger } from '../logger';
import type { Monitor } from '../monitor/monitor';
import type { Snapshot } from '../monitor/snapshots';
import type { GateAction } from '../options/option.types';
import { MigrationsGateError } from '../prometheus-migrations.errors';
import { reasonOf, stateUnder } from '../verdict/report';
import { verdict } from '../verdict/verdict';

export interface GateOptions {
  readonly onUnapplied: GateAction;
  readonly onUnreadable: GateAction;
  /** Milliseconds. */
  readonly waitFor?: { readonly timeout: number; readonly interval: number } | undefined;
}

/** Milliseconds after which a wait is told again, though nothing has changed. */
const TELL_EVERY = 10_000;
/** Reasons that waiting does not mend. */
const FINAL_REASONS: readonly unknown[] = ['denied', 'invalid_migrations'];
/** Signals that ask a process to end. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;

/** Holds the start of the application until its migrations are applied, or decides without them. */
export class StartupGate {
  private interrupt: (() => void) | undefined;
  private isInterrupted = false;

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
    const faults = faultsOf(await this.waited(snapshots).finally(stopListening));
    if (this.isInterrupted) {
      throw new MigrationsGateError('The application was shut down while it waited for its migrations.');
    }
    const fatal = faults.filter(
      ({ reason }) => (reason === undefined ? onUnapplied : onUnreadable) === 'fail',
    );
    if (fatal.length > 0) throw new MigrationsGateError(failure(fatal));
    // An unreadable connection was warned about when it was read.
    const unapplied = faults.filter(({ reason }) => reason === undefined);
    if (onUnapplied === 'warn' && unapplied.length > 0) {
      logger.warn(`The application starts with unapplied migrations: ${counts(unapplied)}.`);
    }
  }

  /** Ends the wait: the application shuts down. */
  stop(): void {
    this.isInterrupted = true;
    this.interrupt?.();
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
    const startedAt = clock.now();
    const left = () => startedAt + waitFor.timeout - clock.now();
    let snapshots = first;
    let told = '';
    let toldAt = -Infinity;
    while (isWorthWaiting(snapshots) && left() > 0 && !this.isInterrupted) {
      const text = counts(faultsOf(snapshots));
      if (text !== told || clock.now() - toldAt >= TELL_EVERY) {
        logger.log(`Waiting for migrations to be applied, ${Math.ceil(left() / 1000)} s left: ${text}.`);
        told = text;
        toldAt = clock.now();
      }
      await this.sleep(Math.min(waitFor.interval, left()));
      if (!this.isInterrupted) snapshots = await this.monitor.readNow();
    }
    if (told !== '' && faultsOf(snapshots).length === 0) {
      logger.log(`All migrations are applied, after ${((clock.now() - startedAt) / 1000).toFixed(1)} s.`);
    }
    return snapshots;
  }

  private async sleep(milliseconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.interrupt = resolve;
      timer = clock.setTimeout(resolve, milliseconds);
    });
    clock.clearTimeout(timer);
    this.interrupt = undefined;
  }
}

/** A connection that is not up to date. */
interface Fault {
  readonly connection: string;
  /** Names of what is unapplied. */
  readonly unapplied: readonly string[];
  /** Why it cannot be read, if it can't. */
  readonly reason: string | undefined;
}

function faultsOf(snapshots: readonly Snapshot[]): Fault[] {
  return snapshots
    .filter(
      (snapshot) => !snapshot.synchronizes && verdict(stateUnder(snapshot, {}), {}).status !== 'up-to-date',
    )
    .map((snapshot) => ({
      connection: snapshot.connection,
      unapplied: stateUnder(snapshot, {})?.unapplied ?? [],
      reason: reasonOf(snapshot),
    }));
}

function isWorthWaiting(snapshots: readonly Snapshot[]): boolean {
  const faults = faultsOf(snapshots);
  return faults.length > 0 && !faults.some(({ reason }) => FINAL_REASONS.includes(reason));
}

function counts(faults: readonly Fault[]): string {
  return faults
    .map(({ connection, unapplied, reason }) =>
      reason === undefined
        ? `${connection} has ${unapplied.length} unapplied`
        : `${connection} cannot be read (${reason})`,
    )
    .join(', ');
}

/** Names in a message, at the most. */
const MOST_NAMES = 5;

function failure(faults: readonly Fault[]): string {
  const lines = faults.map(({ connection, unapplied, reason }) =>
    reason === undefined
      ? `${connection}: ${unapplied.length} unapplied: ${namesOf(unapplied)}`
      : `${connection}: cannot be read (${reason})`,
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
