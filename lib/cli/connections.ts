import type { DataSource } from 'typeorm';
import { CommandError } from './command-error';
import { GuardedDataSource, type GuardOptions, Refusal, timedOut } from './guarded';
import { brokenMigrations, loadMessage, placeOf } from './load-error';
import { LOADING } from './still-loading';
import { withTimeout } from './with-timeout';

/** Limit of connections opened and of statements running at one time. */
export const CONCURRENCY = 16;
/** Milliseconds that connections may take to close at the end of the command. */
const CLOSE_TIMEOUT = 500;

/** The DataSources of this process. Each is guarded from its construction. */
export class Connections {
  private readonly guarded = new Set<GuardedDataSource>();

  private readonly options: GuardOptions;

  /** @param timeout - milliseconds to open a connection */
  constructor(timeout: number, { loading = LOADING, withEntities = false }: Partial<GuardOptions> = {}) {
    this.options = { timeout, loading, withEntities };
  }

  /** Returns why a DataSource is not connected; `undefined` if it is. */
  readonly errorOf = (dataSource: DataSource): unknown => GuardedDataSource.of(dataSource)?.failure;

  /** Removes every way to write from a DataSource while its constructor runs. */
  readonly guard = (dataSource: DataSource): GuardedDataSource => {
    const guarded = new GuardedDataSource(dataSource, this.options);
    this.guarded.add(guarded);
    return guarded;
  };

  /**
   * Connects all DataSources that are not connected, in batches.
   *
   * @param note - called once for each DataSource whose files cannot be loaded
   * @throws {@link CommandError} for a DataSource that this command refuses to connect
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
    if ((fault ?? ownError) === undefined || guarded.isNoted) return;
    if (fault instanceof Refusal) throw new CommandError(`${alias} ${fault.message}`);
    guarded.isNoted = true;
    if (fault === undefined) {
      return note(`${alias}: its initialize() failed. ${loadMessage(ownError)}${placeOf(ownError)}`);
    }
    note(brokenMigrations(alias, fault, this.options.withEntities));
  }

  /** Guards a DataSource that the trap missed, if it is not connected yet. */
  private guardedOf(alias: string, dataSource: DataSource): GuardedDataSource {
    const guarded = GuardedDataSource.of(dataSource);
    if (guarded !== undefined) {
      this.guarded.add(guarded);
      return guarded;
    }
    if (!dataSource.isInitialized) return this.guard(dataSource);
    throw new CommandError(
      `${alias} was connected before this command could make it read-only: it uses an unknown version of TypeORM. ` +
        'Export the DataSource without calling initialize().',
    );
  }

  /** Closes the opened connections, but does not wait for a database that hangs. */
  async close(): Promise<void> {
    const closing = Array.from(this.guarded, async ({ dataSource }) => {
      if (dataSource.isInitialized) await dataSource.destroy().catch(() => undefined);
    });
    await withTimeout(Promise.all(closing), CLOSE_TIMEOUT, timedOut).catch(() => undefined);
  }
}
