import type { DataSource } from 'typeorm';
import { clock } from '../clock';
import type { DataSourceCandidate } from '../data-source/alias';
import { logger } from '../logger';
import { Collector } from '../migration/collector';
import { type Collection, type Flight, MigrationReader } from '../migration/reader';
import { BoundedPlaces } from './places';
import { Selection, type SelectionOptions } from './selection';
import { type MigrationReading, readingOf, type Snapshot, Snapshots } from './snapshots';

export interface MonitorOptions extends SelectionOptions {
  /** `'bootstrap'`: each connection is read once, when its DataSource is ready. */
  readonly refresh: 'scrape' | 'bootstrap';
  /** Milliseconds. */
  readonly maxAge: number;
  /** Milliseconds. */
  readonly timeout: number;
  readonly concurrency: number;
}

/** Milliseconds that collections under way have for their answer when the application shuts down. */
const SHUTDOWN_GRACE = 200;

/**
 * Knows the newest collection of every exported connection, and reads again what is too old.
 *
 * Neither Prometheus nor HTTP is known here: whoever shows or judges the migrations asks the monitor.
 */
export class Monitor {
  private readonly places: BoundedPlaces;
  private readonly readers = new WeakMap<DataSource, MigrationReader>();
  private readonly selection: Selection;
  private readonly snapshots = new Snapshots();
  private isStopped = false;
  /** The first collections are told together, in the order of the connections. */
  private isStarting = false;

  /** @param explore - finds DataSources, at each refresh anew */
  constructor(
    private readonly options: MonitorOptions,
    explore: () => readonly DataSourceCandidate[] = () => [],
  ) {
    this.places = new BoundedPlaces(options.concurrency);
    this.selection = new Selection(options, explore);
  }

  /** From now on every connection is exported, not only those added by hand. */
  includeAll(): void {
    this.selection.includeAll();
  }

  /**
   * What is known of every connection, none of it older than `maxAge`. Answers within `timeout`: a
   * connection whose turn has not come until then keeps its newest collection.
   */
  async refresh(): Promise<readonly Snapshot[]> {
    if (!this.isStopped) {
      const maxAge = this.options.refresh === 'bootstrap' ? Infinity : this.options.maxAge;
      this.select(() => this.selection.update());
      const flights: Flight[] = [];
      for (const dataSource of this.selection.dataSources) {
        const flight = this.readerOf(dataSource).refresh(maxAge);
        if (flight !== undefined) flights.push(flight);
      }
      await this.answered(flights);
      this.settle();
    }
    return this.snapshots.all();
  }

  /** Reads every connection now, whatever `maxAge`, and tells what each came to. */
  async readAll(): Promise<readonly MigrationReading[]> {
    this.select(() => this.selection.update());
    const asked = [...this.selection.exported];
    const collections = await this.readNow(this.selection.dataSources);
    return asked
      .filter(([alias, dataSource]) => this.selection.exported.get(alias) === dataSource)
      .map(([alias, dataSource]) => readingOf(alias, collections.get(dataSource)));
  }

  /** Exports a connection by hand, and reads it now. */
  async readOne(alias: string, dataSource: DataSource): Promise<MigrationReading> {
    this.select(() => this.selection.add(alias, dataSource));
    return readingOf(alias, (await this.readNow([dataSource])).get(dataSource));
  }

  /** Stops exporting a connection. */
  forget(alias: string): void {
    this.select(() => this.selection.forget(alias));
    this.settle();
  }

  /** Reads every connection for the first time, within the time-out. */
  async bootstrap(): Promise<void> {
    this.includeAll();
    this.isStarting = true;
    const snapshots = await this.refresh();
    this.isStarting = false;
    if (snapshots.length > 0 || this.isStopped) return;
    logger.warn(
      'There is no TypeORM DataSource to export. ' +
        'Import TypeOrmModule.forRoot(), or pass DataSources as the option dataSources.',
    );
  }

  /** Gives up what is under way. */
  abandon(): void {
    for (const dataSource of this.selection.dataSources) this.readerOf(dataSource).abandon();
  }

  /** Reads nothing from now on, and holds no connection to a database once this has resolved. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.places.drain(SHUTDOWN_GRACE);
    this.abandon();
  }

  private async readNow(dataSources: Iterable<DataSource>): Promise<ReadonlyMap<DataSource, Collection>> {
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
    // One under way is waited for before one of its own: each may take its time-out. Those that have
    // their place time out by themselves.
    if (isBusy || this.places.hasQueue) await withDeadline(done, 2 * this.options.timeout);
    else await done;
    this.settle();
    return collections;
  }

  /** Waits until all are answered, or the time is over, or nobody can be answered any more. */
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
      // Those that have their place time out by themselves.
      const isQueued = flights.some(({ startedAt }) => startedAt === undefined);
      const deadline = isQueued ? clock.setTimeout(finish, this.options.timeout) : undefined;
      if (this.places.isStuck) finish();
    });
  }

  /** Changes what is exported; what is exported no more is not waited for either. */
  private select(change: () => void): void {
    const { exported } = this.selection;
    change();
    if (exported === this.selection.exported) return;
    const left = new Set(this.selection.dataSources);
    for (const dataSource of exported.values())
      if (!left.has(dataSource)) this.readers.get(dataSource)?.abandon();
  }

  private settle(): void {
    for (const [alias, dataSource] of this.selection.exported) {
      this.snapshots.keep(alias, dataSource, this.readers.get(dataSource)?.latest);
    }
    this.snapshots.retain(this.selection.exported.keys());
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
    const collector = new Collector(dataSource, this.options.timeout, (socket) =>
      this.places.mayStayOpen(socket),
    );
    return new MigrationReader({
      timeout: this.options.timeout,
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

async function withDeadline(done: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise((resolve) => (timer = clock.setTimeout(resolve, milliseconds)));
  await Promise.race([done, deadline]);
  clock.clearTimeout(timer);
}
