import type { DataSource } from 'typeorm';
import type { MigrationReading } from '../monitor/snapshots';
import type { MetricsRegistry, MigrationsExporterOptions } from '../options/option.types';
import { checkDataSource } from '../options/resolve';
import { ExporterParts } from './exporter-parts';

/** Kept outside the class, so that a mock of an exporter needs only public members. */
const partsOf = new WeakMap<MigrationsExporter, ExporterParts>();

/**
 * Reads the migrations of every connection and keeps their metrics in a registry.
 *
 * In a Nest application, {@link PrometheusMigrationsModule} creates one; inject it to export by hand. In a
 * script without Nest, create one with the connections as `dataSources`.
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
  /**
   * @param options - the connections and how to read them; the environment is read now
   * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a value that cannot work
   * @throws {@link MissingClientError} if no Prometheus client is installed
   */
  constructor(options?: MigrationsExporterOptions);
  constructor(options: MigrationsExporterOptions | ExporterParts = {}) {
    partsOf.set(this, options instanceof ExporterParts ? options : ExporterParts.of(options));
  }

  /**
   * The registry that holds the metrics.
   *
   * @throws {@link MissingClientError} if no Prometheus client is installed, and only an OpenTelemetry meter
   * shows the metrics
   */
  get registry(): MetricsRegistry {
    return parts(this).registry;
  }

  /**
   * Exports the migrations of every connection: reads them now, regardless of `maxAge`, and then at every
   * scrape.
   *
   * A connection that cannot be read does not reject; its reading has the reason.
   *
   * @throws {@link RegistryInUseError} if the registry already holds another metric with one of the names
   */
  async exportMigrations(): Promise<readonly MigrationReading[]> {
    const { monitor } = parts(this);
    parts(this).publish();
    monitor.includeAll();
    const readings = await monitor.readExported();
    // Publish again: reading may have found DataSources, whose runs must be shown too.
    parts(this).publish();
    return readings;
  }

  /**
   * Exports one connection under an alias: reads it now, and then at every scrape.
   *
   * From now on the alias belongs to this DataSource. Another DataSource of the container with that name gets
   * a number, as in `default#2`. The DataSource's own name in the container is no longer used.
   *
   * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a bad argument
   * @throws {@link RegistryInUseError} if the registry already holds another metric with one of the names
   */
  async exportMigrationsForDatabase(alias: string, dataSource: DataSource): Promise<MigrationReading> {
    checkDataSource(alias, dataSource);
    parts(this).publish();
    const reading = await parts(this).monitor.readOne(alias, dataSource);
    // Publish again, so that the DataSource's runs are shown too.
    parts(this).publish();
    return reading;
  }

  /**
   * Stops exporting a connection.
   *
   * Its series disappear until {@link MigrationsExporter.exportMigrationsForDatabase} is called for that
   * alias.
   */
  forgetDatabase(alias: string): void {
    parts(this).monitor.forget(alias);
  }

  /**
   * Removes the metrics from the registry and abandons running collections.
   *
   * The exporter can still read after that, but it no longer adds metrics to the registry.
   */
  close(): void {
    const { monitor, outlets } = parts(this);
    for (const outlet of outlets) outlet.withdraw();
    monitor.abandon();
  }
}

function parts(exporter: MigrationsExporter): ExporterParts {
  return partsOf.get(exporter) as ExporterParts;
}
