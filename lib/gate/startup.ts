import { firstNames } from '../first-names';
import { logger } from '../logger';
import type { Monitor } from '../monitor/monitor';
import type { Snapshot } from '../monitor/snapshots';
import type { GateAction } from '../options/option.types';
import { MigrationsGateError } from '../prometheus-migrations.errors';
import { type Fault, faultsOf, summaryOf } from '../verdict/faults';
import { sleep, waitForMigrations } from '../verdict/waiting';
import { HandledSignals } from './signals';

export interface GateOptions {
  readonly onUnapplied: GateAction;
  readonly onUnreadable: GateAction;
  /** Milliseconds. */
  readonly waitFor?: { readonly timeout: number; readonly interval: number } | undefined;
}

/** Milliseconds that a signal handler has to close the application before the start continues. */
const GRACE = 1000;
/**
 * The same limit if the start would fail. It is longer because the error may end the process while a handler
 * still flushes data.
 */
const GRACE_BEFORE_FAILURE = 30_000;

/** Delays the start of the application until its migrations are applied, or decides without them. */
export class StartupGate {
  private readonly interruption = new AbortController();
  private signals: HandledSignals | undefined;
  private wasSignalled = false;
  private readonly closing = new AbortController();
  private passing: Promise<void> | undefined;
  private goOn!: () => void;
  private readonly released = new Promise<void>((resolve) => (this.goOn = resolve));

  constructor(
    private readonly monitor: Monitor,
    private readonly options: GateOptions,
  ) {
    // Watch early: a signal may come while TypeORM connects. Then the gate must not wait, and no error may
    // end the process before the signal's handler has finished.
    if (this.isSet) this.watch();
  }

  /** Whether the gate must read even if nothing is exported. */
  get isSet(): boolean {
    const { onUnapplied, onUnreadable, waitFor } = this.options;
    return onUnapplied === 'fail' || onUnreadable === 'fail' || waitFor !== undefined;
  }

  /**
   * Reads the migrations, waits for them if the options say so, and decides about the start.
   *
   * A shutdown ends the wait without a decision: an error would end the process before the shutdown does. A
   * signal that the application handles does the same, whatever its handler does.
   *
   * @param read - makes the first collections
   * @throws {@link MigrationsGateError} if the options say `fail`
   */
  async pass(read: () => Promise<readonly Snapshot[]>): Promise<void> {
    this.watch();
    try {
      this.passing = this.judge(read);
      await this.passing;
    } finally {
      this.passing = undefined;
      this.signals?.close();
    }
  }

  /** Ends the wait because the application shuts down. */
  stop(): void {
    this.closing.abort();
    this.interruption.abort();
    // The start may have failed before it reached the gate.
    if (this.passing === undefined) this.signals?.close();
  }

  /**
   * Continues a delayed start before Nest closes the HTTP server, because the start may open it. After a
   * signal the start is never continued: the process ends.
   *
   * @returns Whether a start was delayed.
   */
  async release(): Promise<boolean> {
    if (this.wasSignalled) return false;
    this.goOn();
    // The start has not reached the gate, so it is not delayed.
    if (this.passing === undefined) return false;
    await this.passing.catch(() => {});
    return true;
  }

  /** Watches for signals until the gate is passed. */
  private watch(): void {
    this.signals ??= new HandledSignals(() => {
      this.wasSignalled = true;
      this.interruption.abort();
    });
  }

  private async judge(read: () => Promise<readonly Snapshot[]>): Promise<void> {
    const { onUnapplied, onUnreadable } = this.options;
    const faults = faultsOf(await this.waited(await read()), {});
    const fatal = faults.filter(
      ({ reason }) => (reason === undefined ? onUnapplied : onUnreadable) === 'fail',
    );
    if (this.interruption.signal.aborted) await this.hold(fatal.length > 0 ? GRACE_BEFORE_FAILURE : GRACE);
    if (this.closing.signal.aborted) return;
    if (fatal.length > 0) throw new MigrationsGateError(failure(fatal));
    // The log already has a warning about an unreadable connection, from its collection.
    const unapplied = faults.filter(({ reason }) => reason === undefined);
    if (onUnapplied === 'warn' && unapplied.length > 0) {
      logger.warn(`The application starts with unapplied migrations: ${summaryOf(unapplied)}.`);
    }
  }

  /**
   * Waits for Nest's shutdown hook: it is called only after the hooks of other modules, which may be slow.
   */
  private async hold(grace: number): Promise<void> {
    const { signal } = this.closing;
    if (!signal.aborted) await sleep(grace, signal);
    if (signal.aborted) await this.released;
  }

  private async waited(first: readonly Snapshot[]): Promise<readonly Snapshot[]> {
    const { waitFor } = this.options;
    if (waitFor === undefined) return first;
    return waitForMigrations(first, {
      ...waitFor,
      policy: {},
      signal: this.interruption.signal,
      read: () => this.monitor.readNow(),
      log: (line) => logger.log(line),
    });
  }
}

function failure(faults: readonly Fault[]): string {
  const lines = faults.map(({ connection, unapplied, problems, reason }) =>
    reason === undefined
      ? `${connection}: ${unapplied.length} unapplied: ${namesOf(unapplied)}`
      : `${connection}: ${problems.join(' and ')}`,
  );
  const fix = faults.some(({ reason }) => reason === undefined)
    ? 'Apply them before the application starts: `npx typeorm migration:run -d <your data source file>`.'
    : 'Check that the database can be reached and read; the log shows the reason.';
  return (
    `The application does not start: its migrations are not up to date.\n  ${lines.join('\n  ')}\n${fix} ` +
    "To start anyway, set the options onUnapplied and onUnreadable to 'warn'."
  );
}

function namesOf(names: readonly string[]): string {
  const { shown, more } = firstNames(names);
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
