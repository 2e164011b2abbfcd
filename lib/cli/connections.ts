import { existsSync } from 'node:fs';
import type { DataSource } from 'typeorm';
import { clock } from '../clock';
import { MigrationFailure } from '../migration/failure';
import { CommandError, shortMessage } from './command-error';
import { LONGEST_TIMER } from './flags';
import { makeReadOnly, openReadOnly, sqliteFile } from './read-only';

type Initialize = (this: DataSource) => Promise<DataSource>;

/** Connections that are made at one time. */
const AT_A_TIME = 16;
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
  /** Those whose SQLite file was there; all others, too. */
  private readonly opened = new WeakSet<DataSource>();
  /** Why a DataSource is not connected. */
  private readonly failures = new WeakMap<DataSource, unknown>();
  /** Why a DataSource can never be connected: what it loads is broken. */
  private readonly faults = new Map<DataSource, unknown>();

  /** @param timeout - milliseconds in which a connection must be made */
  constructor(private readonly timeout: number) {}

  /** Why a DataSource is not connected; `undefined` if it is. */
  readonly errorOf = (dataSource: DataSource): unknown => this.failures.get(dataSource);

  /** Takes over `initialize()` of a class of DataSources. */
  guard(prototype: object): void {
    const owner = ownerOf(prototype, 'initialize');
    if (owner === undefined || this.guarded.has(owner)) return;
    const { initialize } = owner as { initialize: Initialize };
    this.guarded.add(owner);
    const connect = (dataSource: DataSource) => this.connect(dataSource, initialize);
    Object.assign(owner, {
      initialize(this: DataSource) {
        return connect(this);
      },
    });
  }

  /**
   * Connects a DataSource if it is not.
   *
   * @throws {@link CommandError} if its files cannot be loaded
   */
  private async open(alias: string, dataSource: DataSource): Promise<void> {
    this.guard(dataSource);
    if (!dataSource.isInitialized && !this.faults.has(dataSource)) await dataSource.initialize();
    const fault = this.faults.get(dataSource);
    if (fault === undefined) return;
    throw new CommandError(
      `${alias}: the files of its migrations could not be loaded. ${shortMessage(fault)} ` +
        'Look at the paths in the option migrations; TypeScript files need a loader (--import or --require).',
    );
  }

  /** Connects all that are not, some at a time. */
  async openAll(sources: ReadonlyMap<string, DataSource>): Promise<void> {
    const waiting = [...sources];
    while (waiting.length > 0) {
      const batch = waiting.splice(0, AT_A_TIME);
      await Promise.all(batch.map(([alias, dataSource]) => this.open(alias, dataSource)));
    }
  }

  /** Closes what was opened, and does not wait for a database that hangs. */
  async close(): Promise<void> {
    const closing = [...this.prepared]
      .filter(({ isInitialized }) => isInitialized)
      .map((dataSource) => dataSource.destroy().catch(() => undefined));
    await withTimeout(Promise.all(closing), CLOSE_TIMEOUT).catch(() => undefined);
  }

  private async connect(dataSource: DataSource, initialize: Initialize): Promise<DataSource> {
    if (dataSource.isInitialized) return dataSource;
    this.failures.delete(dataSource);
    try {
      this.prepare(dataSource);
      if (lacksFile(dataSource)) throw this.failed(dataSource, MISSING_FILE);
      this.openFile(dataSource);
      await initialize.call(dataSource);
    } catch (error) {
      // Nest would try again for half a minute.
      if (!this.failures.has(dataSource)) this.faults.set(dataSource, error);
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
          await withTimeout(original(), this.timeout);
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

async function withTimeout(work: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise((_, reject) => {
    timer = clock.setTimeout(() => reject(new MigrationFailure('timeout')), milliseconds);
  });
  try {
    await Promise.race([work, deadline]);
  } finally {
    clock.clearTimeout(timer);
  }
}
