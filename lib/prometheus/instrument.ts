import type { DataSource } from 'typeorm';
import { nameOf } from '../data-source/alias';
import { isDataSource } from '../data-source/brand';
import { logger, nameOfError } from '../logger';
import type { InstrumentMigrationsOptions, MetricsRegistry } from '../options/option.types';
import { RUN_OPTIONS } from '../options/option.table';
import { resolve } from '../options/resolve';
import { NotADataSourceError } from '../prometheus-migrations.errors';
import { RunHistory } from '../runs/history';
import { recordRuns } from '../runs/record';
import type { MetricNaming } from './names';
import { RunMetrics, type RunSource } from './run-metrics';

/** Exports the connections of an application; what an instrumented DataSource leaves open, it decides. */
export interface RunHost {
  readonly registry: MetricsRegistry;
  readonly naming: MetricNaming;
  /** The alias under which it exports these runs now. */
  aliasOf(runs: RunHistory): string | undefined;
}

/** A DataSource whose runs are recorded. */
export class InstrumentedDataSource implements RunSource {
  readonly runs = new RunHistory();
  /** Those that export the DataSource, or have done so. */
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
    metrics.add(this);
    if (this.own !== metrics) this.own?.remove(this);
    this.own = metrics;
    this.options = options;
  }

  /** Where a host shows the runs; `undefined` if they have another registry. */
  metricsAt({ registry, naming }: RunHost): RunMetrics | undefined {
    const { namespace = naming.namespace, prefix = naming.prefix } = this.options;
    const { registry: given = registry } = this.options;
    return given === registry ? RunMetrics.of(registry, { namespace, prefix }) : undefined;
  }

  /** The label `connection` at a host that exports the DataSource under an alias. */
  labelFor(alias: string): string {
    return this.options.connection ?? alias;
  }

  *runsOf(): Iterable<readonly [string, RunHistory]> {
    if (!this.isHosted()) yield [this.connection(), this.runs];
  }

  private connection(): string {
    const [alias] = this.aliases();
    return this.options.connection ?? alias ?? this.name ?? 'default';
  }

  private isHosted(): boolean {
    return this.aliases().length > 0;
  }

  private aliases(): string[] {
    return [...this.hosts]
      .filter((host) => this.metricsAt(host) !== undefined)
      .map((host) => host.aliasOf(this.runs))
      .filter((alias) => alias !== undefined);
  }

  /** `registry.clear()` may have taken the metrics out. A run goes on whatever becomes of them. */
  private putBack(): void {
    try {
      this.own?.add(this);
    } catch (error) {
      logger.warn(
        `${this.connection()}: the metrics of migration runs could not be registered (${nameOfError(error)}). ` +
          'Set the option registry, prefix or namespace to another.',
      );
    }
  }
}

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
    instrumented.set(dataSource, new InstrumentedDataSource(dataSource, options));
    if (dataSource.isInitialized && dataSource.options.migrationsRun === true) logger.warn(TOO_LATE);
  } else known.configure(options);
  return dataSource;
}

const TOO_LATE =
  'instrumentMigrations() was called after initialize(): the run of `migrationsRun: true` was not timed. ' +
  'Call it before; with TypeOrmModule.forRootAsync, in dataSourceFactory.';
