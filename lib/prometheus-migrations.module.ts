import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Module,
  type NestModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type Provider,
  type Type,
} from '@nestjs/common';
import { ApplicationConfig, DiscoveryModule, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { DataSourceExplorer } from './data-source/explorer';
import type { MetricsController } from './http/metrics.controller';
import { MetricsPort } from './http/port';
import { createMetricsController, MetricsRoute } from './http/route';
import { logger, nameOfError } from './logger';
import { Monitor } from './monitor/monitor';
import type { PrometheusMigrationsModuleOptions, ResolvedModuleOptions } from './options/option.types';
import { resolveModuleOptions } from './options/resolve';
import { DefaultMetrics } from './prometheus/default-metrics';
import { MigrationsExporter } from './prometheus/exporter';
import { MigrationMetrics } from './prometheus/metrics';
import {
  type ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  OWN_EXPORTER,
  RESOLVED_OPTIONS,
} from './prometheus-migrations.module-definition';
import { asksToExport } from './options/export-migrations';

/**
 * Exports the migrations of every TypeORM `DataSource` of the application as Prometheus gauges, and
 * serves them. Import it once, in the root module; {@link MigrationsExporter} can then be injected
 * anywhere.
 *
 * @example
 * ```ts
 * @Module({ imports: [TypeOrmModule.forRoot(options), PrometheusMigrationsModule.forRoot()] })
 * export class AppModule {}
 * ```
 */
@Module({})
export class PrometheusMigrationsModule
  extends ConfigurableModuleClass
  implements
    NestModule,
    OnApplicationBootstrap,
    OnModuleDestroy,
    BeforeApplicationShutdown,
    OnApplicationShutdown
{
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedModuleOptions,
    @Inject(Monitor) private readonly monitor: Monitor,
    @Inject(MigrationMetrics) private readonly metrics: MigrationMetrics,
    @Inject(DefaultMetrics) private readonly defaultMetrics: DefaultMetrics,
    @Inject(MetricsPort) private readonly port: MetricsPort,
    @Inject(MetricsRoute) private readonly route: MetricsRoute,
    @Inject(DataSourceExplorer) private readonly explorer: DataSourceExplorer,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {
    super();
    this.route.set(PrometheusMigrationsModule);
  }

  /**
   * @param options - all of them have defaults; the environment is read now
   * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a value that cannot work
   */
  static override forRoot(options: PrometheusMigrationsModuleOptions = {}): DynamicModule {
    return define(super.forRoot(options), {
      provide: RESOLVED_OPTIONS,
      useValue: resolveModuleOptions(options, process.env),
    });
  }

  /**
   * As {@link PrometheusMigrationsModule.forRoot}, with options that other providers have a part in.
   *
   * @param options - `useFactory`, or `useClass` or `useExisting` with a class that implements
   * {@link PrometheusMigrationsOptionsFactory}
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return define(super.forRootAsync(options), {
      provide: RESOLVED_OPTIONS,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (resolved: PrometheusMigrationsModuleOptions = {}) =>
        resolveModuleOptions(resolved, process.env),
    });
  }

  /** Before the routes are built: all controllers of the application are known here. */
  configure(): void {
    this.route.yield(PrometheusMigrationsModule);
  }

  async onApplicationBootstrap(): Promise<void> {
    try {
      await this.start();
    } catch (error) {
      // Whoever tries again finds the registry and the port free.
      this.onModuleDestroy();
      await this.beforeApplicationShutdown();
      this.onApplicationShutdown();
      throw error;
    }
  }

  private async start(): Promise<void> {
    this.route.report();
    this.defaultMetrics.publish();
    // Before the first collection: a database that hangs does not keep the port closed.
    await this.port.open(Boolean(this.host.httpAdapter));
    if (!(await asksToExport(this.options))) return;
    this.metrics.publish();
    for (const alias of this.explorer.requestScoped()) {
      if (!this.options.exclude.includes(alias)) logger.log(requestScopedLine(alias));
    }
    await this.monitor.bootstrap();
  }

  /** The first hook of a shutdown: whoever starts meanwhile may have the registry and the port. */
  onModuleDestroy(): void {
    this.metrics.isClosing = true;
    this.defaultMetrics.isClosing = true;
    this.closing = this.port.close().catch((error: unknown) => {
      logger.error(`The metrics' own port could not be closed (${nameOfError(error)}).`);
    });
  }

  private closing: Promise<void> | undefined;

  /** While the connections are still there: TypeORM closes them in `onApplicationShutdown`. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.monitor.stop();
    await this.closing;
  }

  /** Late enough for the scrapes that the HTTP server still answers while it closes. */
  onApplicationShutdown(): void {
    this.metrics.withdraw();
    this.defaultMetrics.withdraw();
  }
}

function requestScopedLine(alias: string): string {
  return (
    `${alias}: the DataSource is request-scoped, and its migrations are not exported: the container has no instance of it. ` +
    'Pass one as the option dataSources, or to MigrationsExporter.exportMigrationsForDatabase().'
  );
}

/** The exporter that is injected in an application of several modules: that of the first. */
const exporters = new WeakMap<ModulesContainer, MigrationsExporter>();

function define(definition: DynamicModule, resolvedOptions: Provider): DynamicModule {
  const controller = createMetricsController(OWN_EXPORTER);
  return {
    ...definition,
    global: true,
    imports: [...(definition.imports ?? []), DiscoveryModule],
    controllers: [controller],
    providers: [...(definition.providers ?? []), resolvedOptions, DataSourceExplorer, ...partsOf(controller)],
    exports: [MigrationsExporter],
  };
}

function partsOf(controller: Type<MetricsController>): FactoryProvider[] {
  return [
    {
      provide: Monitor,
      inject: [RESOLVED_OPTIONS, DataSourceExplorer],
      useFactory: (options: ResolvedModuleOptions, explorer: DataSourceExplorer) =>
        new Monitor(options, () => explorer.explore()),
    },
    {
      provide: MigrationMetrics,
      inject: [RESOLVED_OPTIONS, Monitor],
      useFactory: (options: ResolvedModuleOptions, monitor: Monitor) =>
        new MigrationMetrics(options.registry, options, monitor),
    },
    {
      provide: DefaultMetrics,
      inject: [RESOLVED_OPTIONS],
      useFactory: ({ registry, defaultMetrics }: ResolvedModuleOptions) =>
        new DefaultMetrics(registry, defaultMetrics),
    },
    {
      provide: MetricsPort,
      inject: [RESOLVED_OPTIONS],
      useFactory: (options: ResolvedModuleOptions) => new MetricsPort(options),
    },
    {
      provide: MetricsRoute,
      inject: [RESOLVED_OPTIONS, ModulesContainer, ApplicationConfig, HttpAdapterHost],
      useFactory: (
        { path }: ResolvedModuleOptions,
        modules: ModulesContainer,
        config: ApplicationConfig,
        host: HttpAdapterHost,
      ) => new MetricsRoute(controller, path, { modules, config, host }),
    },
    {
      provide: OWN_EXPORTER,
      inject: [Monitor, MigrationMetrics],
      useFactory: (monitor: Monitor, metrics: MigrationMetrics) =>
        new MigrationsExporter({ monitor, metrics }),
    },
    {
      provide: MigrationsExporter,
      inject: [OWN_EXPORTER, ModulesContainer],
      useFactory: (own: MigrationsExporter, modules: ModulesContainer) => {
        const first = exporters.get(modules) ?? own;
        exporters.set(modules, first);
        return first;
      },
    },
  ];
}
