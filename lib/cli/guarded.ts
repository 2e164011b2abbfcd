import { existsSync } from 'node:fs';
import type { DataSource } from 'typeorm';
import { LONGEST_TIMER } from '../clock';
import { MigrationFailure } from '../migration/failure';
import { keepFiles, makeReadOnly, openReadOnly, sqliteFile, WRITES_NOTHING } from './read-only';
import { makeRunnersReadOnly } from './read-only-runner';
import { refusalOf } from './refused';
import { initialized, StillLoadingError } from './still-loading';
import { withTimeout } from './with-timeout';

type Driver = DataSource['driver'];
type Initialize = (this: DataSource) => Promise<DataSource>;

/** Milliseconds after the timeout until a driver gives up by itself. */
const GIVE_UP = 500;

export interface GuardOptions {
  /** Limit to open a connection, in milliseconds. */
  readonly timeout: number;
  /** Limit to load its files, in milliseconds. */
  readonly loading: number;
  /** Whether to load the entities too. */
  readonly withEntities: boolean;
}

/** Thrown if this command refuses to connect a DataSource. */
export class Refusal extends Error {}

/**
 * A DataSource that cannot write, even if a loaded file or Nest calls its `initialize()`. An error of the
 * database is stored instead of thrown.
 */
export class GuardedDataSource {
  /** Why it is not connected. */
  failure: unknown;
  /** Why it can never be connected: one of its files is broken, or this command refuses it. */
  fault: unknown;
  /** Error that its own `initialize()` has thrown before or after TypeORM's. */
  ownError: unknown;
  /** Its original cache for query results, which the guard removes. */
  cache: DataSource['queryResultCache'];
  /** Whether one of these errors was printed. */
  isNoted = false;
  private opening: Promise<unknown> = Promise.resolve();
  private original!: Initialize;
  private guardedDriver: Driver | undefined;
  /**
   * Whether the driver is connected. An error between that and the end of loading comes from the migrations.
   */
  private isConnected = false;

  /** @param dataSource - not connected yet; its constructor may still be running */
  constructor(
    readonly dataSource: DataSource,
    private readonly options: GuardOptions,
  ) {
    define(dataSource, { [GUARD]: this });
    makeMigratingHarmless(dataSource);
    this.takeOver();
    const { driver } = dataSource as { driver?: Driver };
    if (driver === undefined) this.awaitDriver();
    else this.guardIfKnown(driver);
  }

  /** Returns the guard of a DataSource, or of a proxy around it. */
  static of(dataSource: DataSource): GuardedDataSource | undefined {
    return (dataSource as { [GUARD]?: GuardedDataSource })[GUARD];
  }

  /** Connects it if necessary, after all earlier attempts have ended. */
  async open(): Promise<void> {
    // A subclass may have set its own `initialize` since then.
    this.takeOver();
    await this.opening;
    if (!this.dataSource.isInitialized && this.fault === undefined) await this.dataSource.initialize();
  }

  private takeOver(): void {
    const { initialize } = this.dataSource as { initialize: Initialize };
    if (initialize === this.initialize) return;
    this.original = initialize;
    define(this.dataSource, { ...WRITES_NOTHING, initialize: this.initialize });
  }

  /** Runs the DataSource's own `initialize()`, one call after the other. */
  private readonly initialize = guardedInitialize(async (receiver) => {
    const before = this.opening;
    const connecting = before.then(() => this.connect(receiver));
    this.opening = connecting;
    await connecting;
    return receiver;
  });

  private async connect(receiver: DataSource): Promise<void> {
    if (receiver.isInitialized) return;
    this.failure = undefined;
    this.isConnected = false;
    try {
      this.requireGuardedDriver(receiver);
      const { loading, timeout } = this.options;
      await initialized(this.original.call(receiver), receiver, loading + 2 * timeout);
    } catch (error) {
      // Not thrown, because Nest would retry for half a minute.
      if (this.failure !== undefined) return;
      if (this.isOwn(error, receiver)) {
        this.ownError = error;
        this.failure = error;
        return;
      }
      this.fault = error;
      this.failure = new MigrationFailure('invalid_migrations');
    }
  }

  /**
   * Whether an error comes from the DataSource's own `initialize()`. TypeORM connects the driver first, and
   * disconnects it if a migration file cannot be loaded.
   */
  private isOwn(error: unknown, { isInitialized }: DataSource): boolean {
    if (error instanceof Refusal || error instanceof StillLoadingError) return false;
    return isInitialized || !this.isConnected;
  }

  /** Checks the driver again: a file or a fork of TypeORM may have replaced it after the constructor. */
  private requireGuardedDriver({ driver }: { driver?: Driver }): void {
    if (driver === undefined) throw new Refusal(NO_DRIVER);
    if (driver !== this.guardedDriver) this.guardIfKnown(driver);
    if (driver !== this.guardedDriver) throw new Refusal(UNKNOWN_DRIVER);
  }

  /** TypeORM's constructor sets the driver after the mark. */
  private awaitDriver(): void {
    Object.defineProperty(this.dataSource, 'driver', {
      configurable: true,
      enumerable: true,
      set: (driver: Driver) => {
        define(this.dataSource, { driver }, true);
        this.guardIfKnown(driver);
      },
    });
  }

  /** Guards a driver with TypeORM's interface. An unknown one is refused when it connects. */
  private guardIfKnown(driver: Driver): void {
    if (!isKnown(driver)) return;
    this.guardDriver(driver);
    this.guardedDriver = driver;
  }

  private guardDriver(driver: Driver): void {
    const connect = driver.connect.bind(driver);
    const afterConnect = driver.afterConnect.bind(driver);
    driver.connect = async () => {
      this.prepare(driver);
      await this.withinTimeout(connect());
      this.isConnected = true;
    };
    driver.afterConnect = () => this.withinTimeout(afterConnect());
    makeRunnersReadOnly(driver);
    keepFiles(driver);
  }

  private prepare(driver: Driver): void {
    const { dataSource } = this;
    const refusal = refusalOf(driver.options);
    if (refusal !== undefined) throw new Refusal(refusal);
    this.cache ??= dataSource.queryResultCache;
    makeReadOnly(dataSource, this.options.withEntities);
    if (lacksFile(dataSource)) throw this.failed(MISSING_FILE);
    openReadOnly(dataSource);
    // A driver without a timeout waits for ever, and each retry would hold a connection.
    const giveUp = Math.min(this.options.timeout + GIVE_UP, LONGEST_TIMER);
    Object.assign(driver.options, { connectTimeoutMS: giveUp, connectTimeout: giveUp });
  }

  private async withinTimeout(work: Promise<void>): Promise<void> {
    try {
      await withTimeout(work, this.options.timeout, timedOut);
    } catch (error) {
      throw this.failed(error);
    }
  }

  /** Stores an error of the driver, to distinguish it from errors of the DataSource's files. */
  private failed(error: unknown): unknown {
    this.failure = error;
    return error;
  }
}

const GUARD = Symbol('guard');

function guardedInitialize(initialize: (receiver: DataSource) => Promise<DataSource>) {
  return function (this: DataSource): Promise<DataSource> {
    return initialize(this);
  };
}

/** Defines own properties, not enumerable by default. */
function define(object: object, properties: object, enumerable = false): void {
  for (const key of Reflect.ownKeys(properties)) {
    const value: unknown = Reflect.get(properties, key);
    Object.defineProperty(object, key, { value, configurable: true, enumerable, writable: true });
  }
}

export const timedOut = () => new MigrationFailure('timeout');

/** TypeORM classes whose methods already ignore guarded DataSources. */
const harmless = new WeakSet<object>();

/** Replaces the methods in TypeORM's class too, because a subclass calls them by `super`. */
function makeMigratingHarmless(dataSource: DataSource): void {
  let typeorms: object | undefined;
  for (let each = prototypeOf(dataSource); each !== null; each = prototypeOf(each)) {
    if (Object.hasOwn(each, 'runMigrations')) typeorms = each;
  }
  if (typeorms === undefined || harmless.has(typeorms)) return;
  harmless.add(typeorms);
  for (const [name, nothing] of Object.entries(WRITES_NOTHING)) {
    const original: unknown = Reflect.get(typeorms, name);
    if (typeof original !== 'function') continue;
    const value = function (this: object, ...args: unknown[]): unknown {
      return GUARD in this ? nothing() : Reflect.apply(original, this, args);
    };
    // A frozen class keeps its methods, but the guarded query runners drop their statements.
    Reflect.defineProperty(typeorms, name, { value, configurable: true, writable: true });
  }
}

function prototypeOf(object: object): object | null {
  return Object.getPrototypeOf(object) as object | null;
}

function isKnown(driver: object): boolean {
  const { connect, afterConnect, createQueryRunner, options } = driver as Record<string, unknown>;
  const methods = [connect, afterConnect, createQueryRunner];
  return methods.every((method) => typeof method === 'function') && typeof options === 'object';
}

const UNKNOWN_TYPEORM = 'uses an unknown version of TypeORM';
const NO_DRIVER = `${UNKNOWN_TYPEORM}: it has no driver before initialize(). Use typeorm 0.3.12 or newer.`;
const UNKNOWN_DRIVER = `${UNKNOWN_TYPEORM}: its driver differs from those of typeorm 0.3.12 and newer. Use typeorm 0.3.12 or newer, or read the migrations in the application.`;

/** The error that SQLite would report if it could not create the file. */
const MISSING_FILE = Object.assign(new Error('no such file'), { code: 'SQLITE_CANTOPEN' });

function lacksFile({ options }: DataSource): boolean {
  const file = sqliteFile(options as unknown as Record<string, unknown>);
  return file !== undefined && !existsSync(file);
}
