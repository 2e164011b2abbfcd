import { existsSync } from 'node:fs';
import type { DataSource } from 'typeorm';
import { MigrationFailure } from '../migration/failure';
import { LONGEST_TIMER } from './flags';
import { loadMessage } from './load-error';
import { makeReadOnly, openReadOnly, sqliteFile } from './read-only';
import { initialized, LOADING } from './still-loading';
import { withTimeout } from './with-timeout';

type Initialize = (this: DataSource) => Promise<DataSource>;

/** Connections that are made, and statements that are under way, at one time. */
export const CONCURRENCY = 16;
/** Milliseconds after the time-out in which a driver gives up by itself. */
const GIVE_UP = 500;
/** Milliseconds that connections may take to close when the command is done. */
const CLOSE_TIMEOUT = 500;

/**
 * Connects DataSources so that they cannot write, whoever calls `initialize()`: this command, the file
 * that makes them, or Nest. A database that is down is remembered instead of thrown.
 */
export class Connections {
  private readonly guarded = new WeakSet<object>();
  private readonly prepared = new Set<DataSource>();
  /** DataSources that open their SQLite file read-only already. */
  private readonly opened = new WeakSet<DataSource>();
  /** Why a DataSource is not connected. */
  private readonly failures = new WeakMap<DataSource, unknown>();
  /** Why a DataSource can never be connected: what it loads is broken. */
  private readonly faults = new Map<DataSource, unknown>();
  /** DataSources whose fault was noted already. */
  private readonly told = new WeakSet<DataSource>();

  /**
   * @param timeout - milliseconds in which a connection must be made
   * @param loading - milliseconds in which its files must be loaded
   */
  constructor(
    private readonly timeout: number,
    private readonly loading = LOADING,
  ) {}

  /** Why a DataSource is not connected; `undefined` if it is. */
  readonly errorOf = (dataSource: DataSource): unknown => this.failures.get(dataSource);

  /** Takes over `initialize()` of a class of DataSources, and what writes. */
  guard(prototype: object): void {
    const owner = ownerOf(prototype, 'initialize');
    if (owner === undefined || this.guarded.has(owner)) return;
    const { initialize } = owner as { initialize: Initialize };
    this.guarded.add(owner);
    const connect = (dataSource: DataSource) => this.connect(dataSource, initialize);
    Object.assign(owner, {
      ...WRITES_NOTHING,
      initialize(this: DataSource) {
        return connect(this);
      },
    });
  }

  /**
   * Connects all that are not, some at a time.
   *
   * @param note - called once for each whose files cannot be loaded
   */
  async openAll(sources: ReadonlyMap<string, DataSource>, note: (line: string) => void): Promise<void> {
    const waiting = [...sources];
    while (waiting.length > 0) {
      const batch = waiting.splice(0, CONCURRENCY);
      await Promise.all(batch.map(([alias, dataSource]) => this.open(alias, dataSource, note)));
    }
  }

  private async open(alias: string, dataSource: DataSource, note: (line: string) => void): Promise<void> {
    this.guard(dataSource);
    if (dataSource.isInitialized || this.told.has(dataSource)) return;
    if (!this.faults.has(dataSource)) await dataSource.initialize();
    if (!this.faults.has(dataSource)) return;
    this.told.add(dataSource);
    note(
      `${alias}: the files of its migrations could not be loaded. ${loadMessage(this.faults.get(dataSource))} ` +
        'Look at the paths in the option migrations; TypeScript files need a loader (--import or --require).',
    );
  }

  /** Closes what was opened, and does not wait for a database that hangs. */
  async close(): Promise<void> {
    const closing = [...this.prepared]
      .filter(({ isInitialized }) => isInitialized)
      .map((dataSource) => dataSource.destroy().catch(() => undefined));
    await withTimeout(Promise.all(closing), CLOSE_TIMEOUT, timedOut).catch(() => undefined);
  }

  private async connect(dataSource: DataSource, initialize: Initialize): Promise<DataSource> {
    if (dataSource.isInitialized) return dataSource;
    this.failures.delete(dataSource);
    try {
      this.prepare(dataSource);
      if (lacksFile(dataSource)) throw this.failed(dataSource, MISSING_FILE);
      this.openFile(dataSource);
      await initialized(initialize.call(dataSource), dataSource, this.loading + 2 * this.timeout);
    } catch (error) {
      // Not thrown: Nest would try again for half a minute.
      if (!this.failures.has(dataSource)) {
        this.faults.set(dataSource, error);
        this.failures.set(dataSource, new MigrationFailure('invalid_migrations'));
      }
    }
    return dataSource;
  }

  private prepare(dataSource: DataSource): void {
    if (this.prepared.has(dataSource)) return;
    this.prepared.add(dataSource);
    makeReadOnly(dataSource);
    const { driver } = dataSource;
    // A driver that is not told waits for ever, and holds a connection for each try.
    const giveUp = Math.min(this.timeout + GIVE_UP, LONGEST_TIMER);
    Object.assign(driver.options, { connectTimeoutMS: giveUp, connectTimeout: giveUp });
    for (const method of ['connect', 'afterConnect'] as const) {
      const original = driver[method].bind(driver);
      driver[method] = async () => {
        try {
          await withTimeout(original(), this.timeout, timedOut);
        } catch (error) {
          throw this.failed(dataSource, error);
        }
      };
    }
  }

  private openFile(dataSource: DataSource): void {
    if (this.opened.has(dataSource)) return;
    this.opened.add(dataSource);
    openReadOnly(dataSource);
  }

  /** Remembers what a driver has thrown, apart from what the DataSource's own files throw. */
  private failed(dataSource: DataSource, error: unknown): unknown {
    this.failures.set(dataSource, error);
    return error;
  }
}

const timedOut = () => new MigrationFailure('timeout');

/** Replacements for TypeORM's own methods, which a loaded file may call. */
const WRITES_NOTHING = {
  runMigrations: () => Promise.resolve([]),
  undoLastMigration: () => Promise.resolve(),
  synchronize: () => Promise.resolve(),
  dropDatabase: () => Promise.resolve(),
};

/** As SQLite itself would fail if it were not allowed to create the file. */
const MISSING_FILE = Object.assign(new Error('no such file'), { code: 'SQLITE_CANTOPEN' });

function lacksFile({ options }: DataSource): boolean {
  const file = sqliteFile(options as unknown as Record<string, unknown>);
  return file !== undefined && !existsSync(file);
}

/** The object in a chain of prototypes that has a method of its own. */
function ownerOf(object: object, method: string): object | undefined {
  let owner: object | null = object;
  while (owner !== null && !Object.hasOwn(owner, method))
    owner = Object.getPrototypeOf(owner) as object | null;
  return owner ?? undefined;
}
