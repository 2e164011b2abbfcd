import type { DataSource } from 'typeorm';
import { type DataSourceCandidate, nameDataSources } from '../data-source/data-source.alias';
import { type MigrationReader, migrationReader, type ReadingOutcome } from '../migration/migration.reader';
import { readAll } from '../migration/migration.readings';
import type { MigrationReading } from '../migration/migration.state';
import {
  checkDataSource,
  type Environment,
  type MetricsRegistry,
  type MigrationsExporterOptions,
  type ResolvedExporterOptions,
  resolveExporterOptions,
} from '../prometheus-migrations.options';
import { ConnectionSnapshots, readingOf } from './connection.snapshots';
import type { ConnectionSnapshot } from './migration.gauges';
import { registerMigrationMetrics, removeMigrationMetrics } from './migration.metrics';
import { logger, nameOfError } from './migrations.logger';
import { claimRegistry, releaseRegistry } from './registry.claim';

/**
 * Reads the migrations of every connection and keeps their metrics in a registry.
 *
 * In a Nest application {@link PrometheusMigrationsModule} makes one; inject it to export by hand. In a
 * script without Nest make one yourself, with the connections as `dataSources`.
 */
export class MigrationsExporter {
  /** The registry that the metrics are in. */
  readonly registry: MetricsRegistry;

  private readonly options: ResolvedExporterOptions;
  private readonly readers = new WeakMap<DataSource, MigrationReader>();
  private readonly byHand = new Map<string, DataSource>();
  private readonly forgotten = new Set<string>();
  private readonly logged = new Set<string>();

  /** Set by the first export of all: until then only what was exported by hand is read. */
  private exportsAll = false;
  private found: readonly DataSourceCandidate[] = [];
  /** What is exported as things stand, by alias. */
  private exported: ReadonlyMap<string, DataSource> = new Map();
  private claimed = false;
  private closed = false;
  /** There while the metrics are in the registry. */
  private snapshots: ConnectionSnapshots | undefined;
  private refreshing: Promise<readonly ConnectionSnapshot[]> | undefined;

  /**
   * @param options - what is exported, and how it is read; the environment is read now, for those that
   * are not set
   * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a value that cannot work
   */
  constructor(options?: MigrationsExporterOptions);
  /**
   * @param explore - finds further DataSources, at each refresh anew; the module passes the container's
   * @internal
   */
  constructor(
    options: MigrationsExporterOptions,
    explore: () => readonly DataSourceCandidate[],
    environment: Environment,
  );
  constructor(
    options: MigrationsExporterOptions = {},
    private readonly explore: () => readonly DataSourceCandidate[] = () => [],
    environment: Environment = process.env,
  ) {
    this.options = resolveExporterOptions(options, environment);
    this.registry = this.options.registry;
  }

  /**
   * Exports the migrations of every connection: reads them now, whatever `maxAge`, and from then on at
   * every scrape. A connection that cannot be read does not reject; its reading tells why.
   *
   * @throws {@link RegistryInUseError} where another exporter lives on the registry
   */
  async exportMigrations(): Promise<readonly MigrationReading[]> {
    this.includeAll();
    return this.readEvery('now');
  }

  /**
   * Exports one connection under an alias: reads it now, and from then on at every scrape. The alias
   * belongs to this DataSource from here on; one of the container with that name is numbered, as
   * `default#2`.
   *
   * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a bad argument
   * @throws {@link RegistryInUseError} where another exporter lives on the registry
   */
  async exportMigrationsForDatabase(alias: string, dataSource: DataSource): Promise<MigrationReading> {
    checkDataSource(alias, dataSource);
    this.register();
    this.byHand.set(alias, dataSource);
    this.forgotten.delete(alias);
    this.select();
    const outcome = await this.readerOf(dataSource).read('now');
    if (this.exported.get(alias) === dataSource) this.snapshots?.keep({ alias, dataSource }, outcome);
    return readingOf(alias, outcome);
  }

  /**
   * Stops exporting a connection: its series disappear, and stay away until
   * {@link exportMigrationsForDatabase} is called for that alias.
   */
  forgetDatabase(alias: string): void {
    this.byHand.delete(alias);
    this.forgotten.add(alias);
    this.select();
    this.snapshots?.retain(this.exported);
  }

  /**
   * Reads every connection for the first time, within the time-out whatever happens.
   *
   * @internal
   */
  async bootstrap(): Promise<void> {
    this.includeAll();
    const readings = await this.readEvery(this.options.maxAge);
    if (readings.length === 0) {
      logger.warn(
        'There is no TypeORM DataSource to export. ' +
          'Import TypeOrmModule.forRoot(), or pass DataSources as the option dataSources.',
      );
    }
  }

  /**
   * Takes the registry as its own.
   *
   * @throws {@link RegistryInUseError} where another exporter lives on the registry
   * @internal
   */
  claim(): void {
    if (this.claimed) return;
    claimRegistry(this.registry, this.options);
    this.claimed = true;
  }

  /**
   * Takes the metrics out of the registry and leaves it free for another exporter. This one still reads
   * after that, but puts nothing into the registry any more.
   */
  close(): void {
    if (this.snapshots !== undefined) removeMigrationMetrics(this.registry, this.options);
    if (this.claimed) releaseRegistry(this.registry);
    this.snapshots = undefined;
    this.claimed = false;
    this.closed = true;
  }

  private register(): void {
    if (this.snapshots !== undefined || this.closed) return;
    this.claim();
    const errors = registerMigrationMetrics(this.registry, this.options, () => this.refresh());
    this.snapshots = new ConnectionSnapshots(errors);
  }

  /** What a scrape shows: all metrics that are collected at once get the same. */
  private refresh(): Promise<readonly ConnectionSnapshot[]> {
    if (this.options.refresh === 'bootstrap') return Promise.resolve(this.snapshots?.all() ?? []);
    this.refreshing ??= this.readEvery(this.options.maxAge)
      .then(() => this.snapshots?.all() ?? [])
      .finally(() => {
        this.refreshing = undefined;
      });
    return this.refreshing;
  }

  private async readEvery(maxAge: number | 'now'): Promise<readonly MigrationReading[]> {
    this.register();
    if (this.exportsAll) this.find();
    const asked = [...this.exported];
    const outcomes = await readAll(
      asked.map(([, dataSource]) => this.readerOf(dataSource)),
      { maxAge, concurrency: this.options.concurrency, timeout: this.options.timeout },
    );
    const readings: MigrationReading[] = [];
    for (const [index, [alias, dataSource]] of asked.entries()) {
      const outcome = outcomes[index] as ReadingOutcome;
      // Meanwhile it may have been forgotten, or its alias given to another by hand.
      if (this.exported.get(alias) !== dataSource) continue;
      this.snapshots?.keep({ alias, dataSource }, outcome);
      readings.push(readingOf(alias, outcome));
    }
    this.snapshots?.retain(this.exported);
    return readings;
  }

  private includeAll(): void {
    if (this.exportsAll) return;
    this.exportsAll = true;
    this.select();
  }

  /** A provider that cannot be looked at must not break a scrape: those found before are still read. */
  private find(): void {
    try {
      const found = this.explore();
      if (areSame(found, this.found)) return;
      this.found = found;
      this.select();
    } catch (error) {
      this.warnOnce(
        `The application's providers could not be searched for DataSources (${nameOfError(error)}): ` +
          'those found before are exported. Pass others as the option dataSources.',
      );
    }
  }

  /** Explicit aliases come first: whoever asks for the same one afterwards is numbered. */
  private select(): void {
    const { dataSources, exclude } = this.options;
    const explicit = [...this.byHand, ...(this.exportsAll ? Object.entries(dataSources) : [])];
    const { named, clashes } = nameDataSources([
      ...explicit.map(([alias, dataSource]) => ({ alias, dataSource })),
      ...(this.exportsAll ? this.found : []),
    ]);
    for (const alias of clashes) {
      this.warnOnce(
        `More than one DataSource is called "${alias}": the later ones are exported as "${alias}#2" and so on. ` +
          'Give each a name of its own, as in TypeOrmModule.forRoot({ name }).',
      );
    }
    this.exported = new Map(
      [...named].filter(
        ([alias]) => !this.forgotten.has(alias) && (this.byHand.has(alias) || !exclude.includes(alias)),
      ),
    );
  }

  private warnOnce(message: string): void {
    if (this.logged.has(message)) return;
    this.logged.add(message);
    logger.warn(message);
  }

  private readerOf(dataSource: DataSource): MigrationReader {
    let reader = this.readers.get(dataSource);
    if (reader === undefined) {
      reader = migrationReader(dataSource, this.options.timeout);
      this.readers.set(dataSource, reader);
    }
    return reader;
  }
}

function areSame(a: readonly DataSourceCandidate[], b: readonly DataSourceCandidate[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ alias, dataSource }, index) => alias === b[index]?.alias && dataSource === b[index].dataSource)
  );
}
