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

/** Milliseconds after the time-out in which a driver gives up by itself. */
const GIVE_UP = 500;

export interface GuardOptions {
  /** Milliseconds in which a connection must be made. */
  readonly timeout: number;
  /** Milliseconds in which its files must be loaded. */
  readonly loading: number;
  /** Whether the entities are loaded, too. */
  readonly withEntities: boolean;
}

/** Why this command does not connect a DataSource at all. */
export class Refusal extends Error {}

/**
 * A DataSource that cannot write, whoever calls its `initialize()`: this command, the file that makes it,
 * or Nest. A database that is down is remembered instead of thrown.
 */
export class GuardedDataSource {
  /** Why it is not connected. */
  failure: unknown;
  /** Why it can never be connected: what it loads is broken, or this command refuses it. */
  fault: unknown;
  /** What its own `initialize()` has thrown before or after TypeORM's. */
  ownError: unknown;
  /** The cache for query results that it has without this command. */
  cache: DataSource['queryResultCache'];
  /** Whether one of these was noted already. */
  isTold = false;
  private opening: Promise<unknown> = Promise.resolve();
  private original!: Initialize;
  /** The driver that cannot write. */
  private guardedDriver: Driver | undefined;
  /** Whether the driver is connected: what is thrown until TypeORM has loaded the migrations is theirs. */
  private isConnected = false;

  /**
   * @param dataSource - one that is connected not yet; its constructor may be running
   */
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

  /** The one of a DataSource, or of a proxy of it. */
  static of(dataSource: DataSource): GuardedDataSource | undefined {
    return (dataSource as { [GUARD]?: GuardedDataSource })[GUARD];
  }

  /** Connects it if it is not, once all that was begun has ended. */
  async open(): Promise<void> {
    // A subclass may have set an `initialize` of its own since.
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

  /** The DataSource's own `initialize()`, one call after the other. */
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
      // Not thrown: Nest would try again for half a minute.
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

  /** TypeORM connects the driver first, and disconnects it if a file of the migrations cannot be loaded. */
  private isOwn(error: unknown, { isInitialized }: DataSource): boolean {
    if (error instanceof Refusal || error instanceof StillLoadingError) return false;
    return isInitialized || !this.isConnected;
  }

  /** A file, or a fork of TypeORM, may have set another driver since the constructor ended. */
  private requireGuardedDriver({ driver }: { driver?: Driver }): void {
    if (driver === undefined) throw new Refusal(NO_DRIVER);
    if (driver !== this.guardedDriver) this.guardIfKnown(driver);
    if (driver !== this.guardedDriver) throw new Refusal(UNKNOWN_DRIVER);
  }

  /** TypeORM's constructor sets the driver, later than the mark. */
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

  /** Leaves a driver alone that is not made like TypeORM's: it is refused when it should connect. */
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
    // A driver without a time-out waits for ever, and holds a connection for each try.
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

  /** Remembers what a driver has thrown, apart from what the DataSource's own files throw. */
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

/** Sets properties of the object itself, hidden from those who list them. */
function define(object: object, properties: object, enumerable = false): void {
  for (const key of Reflect.ownKeys(properties)) {
    const value: unknown = Reflect.get(properties, key);
    Object.defineProperty(object, key, { value, configurable: true, enumerable, writable: true });
  }
}

export const timedOut = () => new MigrationFailure('timeout');

/** Classes of TypeORM whose methods write nothing with a guarded DataSource. */
const harmless = new WeakSet<object>();

/** Replaces the methods in TypeORM's own class as well: a subclass calls them by `super`. */
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
    // A class that is frozen keeps its methods. What they send is not sent on.
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

const UNKNOWN_TYPEORM = 'is not of a TypeORM that this command knows';
const NO_DRIVER = `${UNKNOWN_TYPEORM}: it has no driver before initialize(). Use typeorm 0.3.12 or newer.`;
const UNKNOWN_DRIVER = `${UNKNOWN_TYPEORM}: its driver is not made like those of typeorm 0.3.12 and newer. Use one of these, or read the migrations in the application.`;

/** As SQLite itself would fail if it were not allowed to create the file. */
const MISSING_FILE = Object.assign(new Error('no such file'), { code: 'SQLITE_CANTOPEN' });

function lacksFile({ options }: DataSource): boolean {
  const file = sqliteFile(options as unknown as Record<string, unknown>);
  return file !== undefined && !existsSync(file);
}
