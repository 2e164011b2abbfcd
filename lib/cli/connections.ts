import type { DataSource } from 'typeorm';
import { CommandError } from './command-error';
import { GuardedDataSource, type GuardOptions, Refusal, timedOut } from './guarded';
import { brokenMigrations, loadMessage, placeOf } from './load-error';
import { LOADING } from './still-loading';
import { withTimeout } from './with-timeout';

/** Connections that are made, and statements that are under way, at one time. */
export const CONCURRENCY = 16;
/** Milliseconds that connections may take to close when the command is done. */
const CLOSE_TIMEOUT = 500;

/** The DataSources that exist in this process: each is guarded when it is made. */
export class Connections {
  private readonly guarded = new Set<GuardedDataSource>();

  private readonly options: GuardOptions;

  /** @param timeout - milliseconds in which a connection must be made */
  constructor(timeout: number, { loading = LOADING, withEntities = false }: Partial<GuardOptions> = {}) {
    this.options = { timeout, loading, withEntities };
  }

  /** Why a DataSource is not connected; `undefined` if it is. */
  readonly errorOf = (dataSource: DataSource): unknown => GuardedDataSource.of(dataSource)?.failure;

  /** Takes from a DataSource, while it is made, everything by which it could write. */
  readonly guard = (dataSource: DataSource): GuardedDataSource => {
    const guarded = new GuardedDataSource(dataSource, this.options);
    this.guarded.add(guarded);
    return guarded;
  };

  /**
   * Connects all that are not, some at a time.
   *
   * @param note - called once for each whose files cannot be loaded
   * @throws {@link CommandError} for one that this command does not connect
   */
  async openAll(sources: ReadonlyMap<string, DataSource>, note: (line: string) => void): Promise<void> {
    const waiting = [...sources];
    while (waiting.length > 0) {
      const batch = waiting.splice(0, CONCURRENCY);
      await Promise.all(batch.map(([alias, dataSource]) => this.open(alias, dataSource, note)));
    }
  }

  private async open(alias: string, dataSource: DataSource, note: (line: string) => void): Promise<void> {
    const guarded = this.guardedOf(alias, dataSource);
    await guarded.open();
    const { fault, ownError } = guarded;
    if ((fault ?? ownError) === undefined || guarded.isTold) return;
    if (fault instanceof Refusal) throw new CommandError(`${alias} ${fault.message}`);
    guarded.isTold = true;
    if (fault === undefined) {
      return note(`${alias}: its initialize() failed. ${loadMessage(ownError)}${placeOf(ownError)}`);
    }
    note(brokenMigrations(alias, fault, this.options.withEntities));
  }

  /** One that hid from the trap is harmless as long as nobody has connected it. */
  private guardedOf(alias: string, dataSource: DataSource): GuardedDataSource {
    const guarded = GuardedDataSource.of(dataSource);
    if (guarded !== undefined) {
      this.guarded.add(guarded);
      return guarded;
    }
    if (!dataSource.isInitialized) return this.guard(dataSource);
    throw new CommandError(
      `${alias} was connected before it could be kept from writing: its TypeORM is not one that this command knows. ` +
        'Export the DataSource without calling initialize().',
    );
  }

  /** Closes what was opened, and does not wait for a database that hangs. */
  async close(): Promise<void> {
    const closing = Array.from(this.guarded, async ({ dataSource }) => {
      if (dataSource.isInitialized) await dataSource.destroy().catch(() => undefined);
    });
    await withTimeout(Promise.all(closing), CLOSE_TIMEOUT, timedOut).catch(() => undefined);
  }
}
