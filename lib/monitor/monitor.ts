import type { DataSource } from 'typeorm';
import { clock, within } from '../clock';
import type { DataSourceCandidate } from '../data-source/alias';
import type { DriftReport } from '../drift/report';
import type { DriftTarget } from '../drift/schedule';
import { logger } from '../logger';
import { Collector } from '../migration/collector';
import { type Collection, type Flight, MigrationReader } from '../migration/reader';
import { BoundedPlaces } from './places';
import { type Scope, Selection, type SelectionOptions } from './selection';
import { type MigrationReading, readingOf, type Snapshot, Snapshots } from './snapshots';

export interface MonitorOptions extends SelectionOptions {
  /** `'bootstrap'`: each connection is read once, when its DataSource is ready. */
  readonly refresh: 'scrape' | 'bootstrap';
  /** Milliseconds. */
  readonly maxAge: number;
  /** Milliseconds. */
  readonly timeout: number;
  readonly concurrency: number;
  /** Returns the error of the failed connect, if the code that connects the DataSource keeps it. */
  readonly connectionError?: (dataSource: DataSource) => unknown;
}

/** Milliseconds that running collections may take when the application shuts down. */
const SHUTDOWN_GRACE = 200;

/** Milliseconds by which a scrape outlasts its collections, so that it shows the timed-out ones as failed. */
const OVERDUE_FIRST = 20;

/**
 * Keeps the newest collection of every exported connection, and reads again when it is too old.
 *
 * It depends neither on Prometheus nor on HTTP: metrics, gates and pages use the monitor.
 */
export class Monitor {
  private readonly places: BoundedPlaces;
  private readonly readers = new WeakMap<DataSource, MigrationReader>();
  private readonly selection: Selection;
  private readonly snapshots = new Snapshots();
  private isStopped = false;
  /**
   * While the application starts: the first collections are logged together, in the order of the connections.
   */
  private isStarting = false;

  /** @param explore - finds DataSources; called at each refresh */
  constructor(
    private readonly options: MonitorOptions,
    explore: () => readonly DataSourceCandidate[] = () => [],
  ) {
    this.places = new BoundedPlaces(options.concurrency);
    this.selection = new Selection(options, explore);
  }

  /** Exports every connection from now on, not only those added by hand. */
  includeAll(): void {
    this.selection.includeAll();
  }

  /** The exported connections that are known now, by alias. */
  get exported(): ReadonlyMap<string, DataSource> {
    const aliases = this.selection.aliases('exported');
    return new Map(aliases.map((alias) => [alias, this.selection.known.get(alias) as DataSource]));
  }

  /** Returns the snapshots for a scrape: the exported connections, read again as `refresh` says. */
  refresh(): Promise<readonly Snapshot[]> {
    const { refresh, maxAge } = this.options;
    return this.read('exported', refresh === 'bootstrap' ? Infinity : maxAge);
  }

  /** Returns the snapshots for a gate: every connection, exported or not, at most `maxAge` old. */
  current(): Promise<readonly Snapshot[]> {
    return this.read('all', this.options.maxAge);
  }

  /** Returns the known snapshots of every connection without reading any database. */
  known(): readonly Snapshot[] {
    this.reselect(() => this.selection.update('all'));
    this.settle();
    return this.snapshots.of(this.selection.aliases('all'));
  }

  /** Reads every connection now, regardless of `maxAge`. */
  async readNow(): Promise<readonly Snapshot[]> {
    this.reselect(() => this.selection.update('all'));
    await this.collectNow(this.selection.dataSources('all'));
    return this.snapshots.of(this.selection.aliases('all'));
  }

  /** Reads every exported connection now, regardless of `maxAge`, and returns the result of each. */
  async readExported(): Promise<readonly MigrationReading[]> {
    this.reselect(() => this.selection.update('exported'));
    const asked = [...this.exported];
    const collections = await this.collectNow(this.selection.dataSources('exported'));
    return asked
      .filter(([alias, dataSource]) => this.selection.known.get(alias) === dataSource)
      .map(([alias, dataSource]) => readingOf(alias, collections.get(dataSource)));
  }

  /** Exports a connection by hand, and reads it now. */
  async readOne(alias: string, dataSource: DataSource): Promise<MigrationReading> {
    this.reselect(() => this.selection.add(alias, dataSource));
    return readingOf(alias, (await this.collectNow([dataSource])).get(dataSource));
  }

  /** Returns every connection, for the schema drift check. */
  driftTargets(): readonly DriftTarget[] {
    this.reselect(() => this.selection.update('all'));
    return Array.from(this.selection.known, ([connection, dataSource]) => ({
      connection,
      dataSource,
      state: async () => {
        const collection = (await this.collectNow([dataSource])).get(dataSource);
        return collection?.status === 'read' ? collection.state : undefined;
      },
    }));
  }

  keepDrift({ connection, dataSource }: DriftTarget, report: DriftReport): void {
    this.settle();
    this.snapshots.keepDrift(connection, dataSource, report);
  }

  /** Stops exporting a connection. It may be destroyed right after this, even if its database hangs. */
  forget(alias: string): void {
    this.reselect(() => this.selection.forget(alias));
    this.settle();
  }

  /** Reads every connection for the first time, within the timeout. */
  async bootstrap(): Promise<readonly Snapshot[]> {
    this.isStarting = true;
    const snapshots = await this.current();
    this.isStarting = false;
    if (snapshots.length === 0 && !this.isStopped) {
      logger.warn(
        'There is no TypeORM DataSource to export. ' +
          'Import TypeOrmModule.forRoot(), or pass DataSources as the option dataSources.',
      );
    }
    return snapshots;
  }

  /** Abandons the running collections. */
  abandon(): void {
    for (const dataSource of this.selection.known.values()) this.readerOf(dataSource).abandon();
  }

  /** Stops reading. Once this has resolved, it holds no connection to a database. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.places.drain(SHUTDOWN_GRACE);
    this.abandon();
  }

  /** Resolves within `timeout`: a connection that was not read by then keeps its newest collection. */
  private async read(scope: Scope, maxAge: number): Promise<readonly Snapshot[]> {
    if (!this.isStopped) {
      this.reselect(() => this.selection.update(scope));
      const flights: Flight[] = [];
      for (const dataSource of this.selection.dataSources(scope)) {
        const flight = this.readerOf(dataSource).refresh(maxAge);
        if (flight !== undefined) flights.push(flight);
      }
      await this.answered(flights);
      this.settle();
    }
    return this.snapshots.of(this.selection.aliases(scope));
  }

  private async collectNow(dataSources: Iterable<DataSource>): Promise<ReadonlyMap<DataSource, Collection>> {
    const collections = new Map<DataSource, Collection>();
    if (this.isStopped) return collections;
    let isBusy = false;
    const reads: Promise<unknown>[] = [];
    for (const dataSource of dataSources) {
      const reader = this.readerOf(dataSource);
      isBusy ||= reader.isBusy;
      reads.push(reader.now().then((collection) => collections.set(dataSource, collection)));
    }
    const done = Promise.all(reads);
    // A caller may wait for the running collection and then for a new one; each may take the timeout.
    // Collections that have their place time out by themselves.
    if (isBusy || this.places.hasQueue) await within(2 * this.options.timeout, done, () => undefined);
    else await done;
    this.settle();
    return collections;
  }

  /** Waits until all flights have a result, the timeout is over, or no queued flight can start. */
  private async answered(flights: readonly Flight[]): Promise<void> {
    if (flights.length === 0) return;
    await new Promise<void>((resolve) => {
      let missing = flights.length;
      const finish = () => {
        clock.clearTimeout(deadline);
        for (const flight of flights) flight.forget(onAnswer);
        resolve();
      };
      const onAnswer = () => {
        missing -= 1;
        if (missing === 0 || this.places.isStuck) finish();
      };
      for (const flight of flights) flight.onAnswer(onAnswer);
      // Collections that have their place time out by themselves.
      const isQueued = flights.some(({ startedAt }) => startedAt === undefined);
      const deadline = isQueued ? clock.setTimeout(finish, this.options.timeout + OVERDUE_FIRST) : undefined;
      if (this.places.isStuck) finish();
    });
  }

  /** Changes the selection, and abandons the collections of connections that are no longer in it. */
  private reselect(change: () => void): void {
    const before = this.selection.known;
    change();
    if (before === this.selection.known) return;
    const left = new Set(this.selection.known.values());
    for (const dataSource of before.values()) {
      if (!left.has(dataSource)) this.readers.get(dataSource)?.abandon();
    }
  }

  private settle(): void {
    for (const [alias, dataSource] of this.selection.known) {
      this.snapshots.keep(alias, dataSource, this.readers.get(dataSource)?.latest);
    }
    this.snapshots.retain(this.selection.known);
  }

  private readerOf(dataSource: DataSource): MigrationReader {
    let reader = this.readers.get(dataSource);
    if (reader === undefined) {
      reader = this.createReader(dataSource);
      this.readers.set(dataSource, reader);
    }
    return reader;
  }

  private createReader(dataSource: DataSource): MigrationReader {
    const { timeout, connectionError } = this.options;
    const collector = new Collector(dataSource, {
      timeout,
      mayStayOpen: (socket) => this.places.mayStayOpen(socket),
      connectionError: () => connectionError?.(dataSource),
    });
    return new MigrationReader({
      timeout,
      places: this.places,
      begin: () => collector.begin(),
      explain: (error) => collector.explain(error),
      onCollection: (collection) => {
        if (this.isStopped || this.isStarting) return;
        for (const alias of this.selection.aliasesOf(dataSource))
          this.snapshots.keep(alias, dataSource, collection);
      },
    });
  }
}
