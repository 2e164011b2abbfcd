import {
  type DynamicModule,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
  type Provider,
} from '@nestjs/common';
import { DiscoveryModule, HttpAdapterHost } from '@nestjs/core';
import { DataSourceExplorer } from './data-source/data-source.explorer';
import { registerDefaultMetrics } from './prometheus/default.metrics';
import { createMetricsController, routeMetricsController } from './prometheus/metrics.controller';
import { type MetricsServer, servePort } from './prometheus/metrics.port';
import { MigrationsExporter } from './prometheus/migrations.exporter';
import { logger, nameOfError } from './prometheus/migrations.logger';
import {
  type ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  RESOLVED_OPTIONS,
} from './prometheus-migrations.module-definition';
import {
  exporterOptions,
  type PrometheusMigrationsModuleOptions,
  type ResolvedModuleOptions,
  resolveModuleOptions,
} from './prometheus-migrations.options';

/**
 * Exports the migrations of every TypeORM `DataSource` of the application as Prometheus gauges, and
 * serves them. Import it once, in the root module; {@link MigrationsExporter} can then be injected
 * anywhere.
 */
@Module({})
export class PrometheusMigrationsModule
  extends ConfigurableModuleClass
  implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  private removeDefaultMetrics: (() => void) | undefined;
  private server: MetricsServer | undefined;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedModuleOptions,
    @Inject(MigrationsExporter) private readonly exporter: MigrationsExporter,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {
    super();
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

  async onApplicationBootstrap(): Promise<void> {
    try {
      await this.start();
    } catch (error) {
      // Whoever tries again finds the registry and the port free.
      await this.beforeApplicationShutdown();
      this.onApplicationShutdown();
      throw error;
    }
  }

  private async start(): Promise<void> {
    this.exporter.claim();
    this.removeDefaultMetrics = registerDefaultMetrics(this.exporter.registry, this.options.defaultMetrics);
    // Before the first reading: a database that hangs does not keep the port closed.
    this.server = await servePort(this.exporter.registry, this.options, Boolean(this.host.httpAdapter));
    if (await this.exportsMigrations()) await this.exporter.bootstrap();
  }

  /** While the connections are still there: TypeORM closes them in `onApplicationShutdown`. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.server?.close();
  }

  /** Late enough for the scrapes that the HTTP server still answers while it closes. */
  onApplicationShutdown(): void {
    this.exporter.close();
    this.removeDefaultMetrics?.();
  }

  private async exportsMigrations(): Promise<boolean> {
    const { exportMigrations } = this.options;
    if (typeof exportMigrations === 'boolean') return exportMigrations;
    try {
      return await withTimeout(exportMigrations, this.options.timeout);
    } catch (error) {
      logger.warn(
        `The exportMigrations function failed (${nameOfError(error)}): ` +
          'no migrations are exported. Let it return true or false.',
      );
      return false;
    }
  }
}

/** The predicate's answer; rejects where it takes longer than the start may be held. */
async function withTimeout(ask: () => boolean | Promise<boolean>, timeout: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new TimeoutError()), timeout);
  });
  try {
    return await Promise.race([ask(), late]);
  } finally {
    clearTimeout(timer);
  }
}

class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

function define(definition: DynamicModule, resolvedOptions: Provider): DynamicModule {
  const controller = createMetricsController();
  return {
    ...definition,
    global: true,
    imports: [...(definition.imports ?? []), DiscoveryModule],
    controllers: [controller],
    providers: [
      ...(definition.providers ?? []),
      resolvedOptions,
      DataSourceExplorer,
      {
        provide: MigrationsExporter,
        inject: [RESOLVED_OPTIONS, DataSourceExplorer],
        useFactory: (options: ResolvedModuleOptions, explorer: DataSourceExplorer) => {
          routeMetricsController(controller, options.path);
          return new MigrationsExporter(exporterOptions(options), () => explorer.explore(), {});
        },
      },
    ],
    exports: [MigrationsExporter],
  };
}
