import type { DataSource } from 'typeorm';
import { nameOf } from '../data-source/alias';
import { isDataSource } from '../data-source/brand';
import { logger, nameOfError } from '../logger';
import type { InstrumentMigrationsOptions } from '../options/option.types';
import { RUN_OPTIONS } from '../options/option.table';
import { resolve } from '../options/resolve';
import { NotADataSourceError } from '../prometheus-migrations.errors';
import { recordRuns } from '../runs/record';
import { RunTotals } from '../runs/totals';
import { type RunHost, RunMetrics, type RunSource } from './run-metrics';

/** A DataSource whose runs are recorded. It does not hold the DataSource. */
export class InstrumentedDataSource implements RunSource {
  readonly runs = new RunTotals();
  readonly hosts = new Set<RunHost>();
  private own: RunMetrics | undefined;
  /** As Nest names it: a start that fails leaves its runs behind, and the next has another DataSource. */
  private readonly name: string | undefined;

  constructor(
    dataSource: DataSource,
    private options: InstrumentMigrationsOptions,
  ) {
    this.name = nameOf(dataSource);
    this.configure(options);
    recordRuns(dataSource, this.runs, {
      connection: () => this.connection(),
      onChange: () => this.putBack(),
    });
  }

  /** @throws {@link RegistryInUseError} if the registry holds somebody else's metric of one of the names */
  configure(options: InstrumentMigrationsOptions): void {
    const { registry, namespace, prefix } = resolve(RUN_OPTIONS, options, process.env);
    const metrics = RunMetrics.of(registry, { namespace, prefix });
    metrics.addSource(this);
    if (this.own !== metrics) this.own?.removeSource(this);
    this.own = metrics;
    this.options = options;
  }

  metricsAt({ registry, naming }: RunHost): RunMetrics | undefined {
    const { namespace = naming.namespace, prefix = naming.prefix } = this.options;
    const { registry: given = registry } = this.options;
    return given === registry ? RunMetrics.of(registry, { namespace, prefix }) : undefined;
  }

  labelFor(alias = this.name ?? 'default'): string {
    return this.options.connection ?? alias;
  }

  /** The DataSource was collected as garbage. */
  retire(): void {
    this.own?.retire(this);
  }

  /** What the log calls it. */
  private connection(): string {
    for (const host of this.hosts) {
      if (this.metricsAt(host) === undefined) continue;
      for (const [alias, source] of host.exported()) if (source === this) return this.labelFor(alias);
    }
    return this.labelFor();
  }

  /** `registry.clear()` may have taken the metrics out. A run goes on whatever becomes of them. */
  private putBack(): void {
    try {
      this.own?.addSource(this);
    } catch (error) {
      logger.warn(
        `${this.connection()}: the metrics of migration runs could not be registered (${nameOfError(error)}). ` +
          'Set the option registry, prefix or namespace to another.',
      );
    }
  }
}

/** Closed DataSources are made garbage by the hundreds where each tenant has one: their runs are kept, and nothing else. */
const gone = new FinalizationRegistry<InstrumentedDataSource>((source) => source.retire());

const instrumented = new WeakMap<DataSource, InstrumentedDataSource>();

export function instrumentedOf(dataSource: DataSource): InstrumentedDataSource | undefined {
  return instrumented.get(dataSource);
}

/**
 * Times every run of migrations that the application makes: `runMigrations()`, `undoLastMigration()`, and
 * the run of `migrationsRun: true`. Call it before `initialize()`. The log has a line for each migration.
 *
 * It changes nothing about the runs. Called again for the same DataSource, it replaces the options.
 *
 * Where {@link PrometheusMigrationsModule} or a {@link MigrationsExporter} exports the DataSource, the runs
 * are shown by the same `registry`, `namespace`, `prefix` and alias, except for what `options` say.
 *
 * @param dataSource - not initialized yet, or initialized without `migrationsRun`
 * @param options - all of them have defaults; the environment is read now
 * @returns The same object.
 * @throws {@link NotADataSourceError} or {@link InvalidOptionError} for a value that cannot work
 * @throws {@link RegistryInUseError} if the registry holds somebody else's metric of one of the names
 *
 * @example
 * ```ts
 * TypeOrmModule.forRootAsync({
 *   useFactory: () => ({
 *     type: 'postgres',
 *     url: 'postgres://db/orders',
 *     migrations: ['dist/migrations/*.js'],
 *     migrationsRun: true,
 *   }),
 *   dataSourceFactory: async (options) => instrumentMigrations(new DataSource(options!)),
 * });
 * ```
 */
export function instrumentMigrations(
  dataSource: DataSource,
  options: InstrumentMigrationsOptions = {},
): DataSource {
  if (!isDataSource(dataSource)) throw new NotADataSourceError(undefined, 'dataSource', dataSource);
  const known = instrumented.get(dataSource);
  if (known === undefined) {
    const source = new InstrumentedDataSource(dataSource, options);
    instrumented.set(dataSource, source);
    gone.register(dataSource, source);
    if (dataSource.isInitialized && dataSource.options.migrationsRun === true) logger.warn(TOO_LATE);
  } else known.configure(options);
  return dataSource;
}

const TOO_LATE =
  'instrumentMigrations() was called after initialize(): the run of `migrationsRun: true` was not timed. ' +
  'Call it before; with TypeOrmModule.forRootAsync, in dataSourceFactory.';
