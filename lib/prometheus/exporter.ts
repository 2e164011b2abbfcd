import type { DataSource } from 'typeorm';
import type { MigrationReading } from '../monitor/snapshots';
import type { MetricsRegistry, MigrationsExporterOptions } from '../options/option.types';
import { checkDataSource } from '../options/resolve';
import { ExporterParts } from './exporter-parts';

/** Beside the exporters, so that whoever mocks one finds public members only. */
const partsOf = new WeakMap<MigrationsExporter, ExporterParts>();

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
  /**
   * @param options - what is exported, and how it is read; the environment is read now
   * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a value that cannot work
   * @throws {@link MissingClientError} if no Prometheus client is installed
   */
  constructor(options?: MigrationsExporterOptions);
  constructor(options: MigrationsExporterOptions | ExporterParts = {}) {
    partsOf.set(this, options instanceof ExporterParts ? options : ExporterParts.of(options));
  }

  /**
   * The registry that the metrics are in.
   *
   * @throws {@link MissingClientError} if no Prometheus client is installed, and only an OpenTelemetry meter has them
   */
  get registry(): MetricsRegistry {
    return parts(this).registry;
  }

  /**
   * Exports the migrations of every connection: reads them now, whatever `maxAge`, and from then on at
   * every scrape. A connection that cannot be read does not reject; its reading has the reason.
   *
   * @throws {@link RegistryInUseError} if the registry holds somebody else's metric of one of the names
   */
  async exportMigrations(): Promise<readonly MigrationReading[]> {
    const { monitor } = parts(this);
    parts(this).publish();
    monitor.includeAll();
    const readings = await monitor.readExported();
    // With the runs of the DataSources that were found just now.
    parts(this).publish();
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
    parts(this).publish();
    const reading = await parts(this).monitor.readOne(alias, dataSource);
    // With its runs.
    parts(this).publish();
    return reading;
  }

  /**
   * Stops exporting a connection: its series disappear, and stay away until
   * {@link MigrationsExporter.exportMigrationsForDatabase} is called for that alias.
   */
  forgetDatabase(alias: string): void {
    parts(this).monitor.forget(alias);
  }

  /**
   * Takes the metrics out of the registry and abandons collections under way. The exporter still reads
   * after that, but puts nothing into the registry any more.
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
