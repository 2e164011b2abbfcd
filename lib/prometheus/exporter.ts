import type { DataSource } from 'typeorm';
import { Monitor } from '../monitor/monitor';
import type { MigrationReading } from '../monitor/snapshots';
import type { MetricsRegistry, MigrationsExporterOptions } from '../options/option.types';
import { EXPORTER_OPTIONS } from '../options/option.table';
import { checkDataSource, resolve } from '../options/resolve';
import { checkChoice, registryOf } from './client';
import { MigrationMetrics } from './metrics';

/**
 * Reads the migrations of every connection and keeps their metrics in a registry.
 *
 * In a Nest application {@link PrometheusMigrationsModule} makes one; inject it to export by hand. In a
 * script without Nest make one yourself, with the connections as `dataSources`.
 *
 * @example
 * ```ts
 * const exporter = new MigrationsExporter({ dataSources: { default: dataSource } });
 * const [reading] = await exporter.exportMigrations();
 * if (reading?.status === 'read') console.log(reading.state.unapplied);
 * console.log(await exporter.registry.metrics());
 * ```
 */
export class MigrationsExporter {
  /** The registry that the metrics are in. */
  readonly registry: MetricsRegistry;
  /** @internal */
  readonly metrics: MigrationMetrics;
  /** @internal */
  readonly monitor: Monitor;

  /**
   * @param options - what is exported, and how it is read; the environment is read now, for those that
   * are not set
   * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a value that cannot work
   */
  constructor(options?: MigrationsExporterOptions);
  /**
   * @param parts - the module's own
   * @internal
   */
  constructor(parts: { monitor: Monitor; metrics: MigrationMetrics });
  constructor(
    optionsOrParts: MigrationsExporterOptions | { monitor: Monitor; metrics: MigrationMetrics } = {},
  ) {
    const { monitor, metrics } = 'monitor' in optionsOrParts ? optionsOrParts : createParts(optionsOrParts);
    this.monitor = monitor;
    this.metrics = metrics;
    this.registry = metrics.registry;
  }

  /**
   * Exports the migrations of every connection: reads them now, whatever `maxAge`, and from then on at
   * every scrape. A connection that cannot be read does not reject; its reading tells why.
   *
   * @throws {@link RegistryInUseError} if the registry holds somebody else's metric of one of the names
   */
  async exportMigrations(): Promise<readonly MigrationReading[]> {
    this.metrics.publish();
    this.monitor.includeAll();
    const readings = await this.monitor.readExported();
    // With the runs of the DataSources that were found just now.
    this.metrics.publish();
    return readings;
  }

  /**
   * Exports one connection under an alias: reads it now, and from then on at every scrape. The alias
   * belongs to this DataSource from here on; another one of the container with that name is numbered,
   * as `default#2`, and a name that the container has for this DataSource is not used any more.
   *
   * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a bad argument
   * @throws {@link RegistryInUseError} if the registry holds somebody else's metric of one of the names
   */
  async exportMigrationsForDatabase(alias: string, dataSource: DataSource): Promise<MigrationReading> {
    checkDataSource(alias, dataSource);
    this.metrics.publish();
    const reading = await this.monitor.readOne(alias, dataSource);
    // With its runs.
    this.metrics.publish();
    return reading;
  }

  /**
   * Stops exporting a connection: its series disappear, and stay away until
   * {@link MigrationsExporter.exportMigrationsForDatabase} is called for that alias.
   */
  forgetDatabase(alias: string): void {
    this.monitor.forget(alias);
  }

  /**
   * Takes the metrics out of the registry and abandons collections under way. The exporter still reads
   * after that, but puts nothing into the registry any more.
   */
  close(): void {
    this.metrics.withdraw();
    this.monitor.abandon();
  }
}

function createParts(options: MigrationsExporterOptions): { monitor: Monitor; metrics: MigrationMetrics } {
  const resolved = resolve(EXPORTER_OPTIONS, options, process.env);
  checkChoice(options.registry);
  const monitor = new Monitor(resolved);
  return { monitor, metrics: new MigrationMetrics(registryOf(resolved.registry), resolved, monitor) };
}
