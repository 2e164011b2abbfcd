import { once } from 'node:events';
import type { Server } from 'node:http';
import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type Provider,
  type ValueProvider,
} from '@nestjs/common';
import { DiscoveryModule, HttpAdapterHost } from '@nestjs/core';
import { wait } from './clock';
import { DataSourceExplorer } from './data-source/explorer';
import { DriftWatch } from './drift/watch';
import { StartupGate } from './gate/startup';
import { MigrationsHealthIndicator } from './health/indicator';
import { MetricsPort } from './http/port';
import { PAGES } from './http/page.table';
import type { PageRoute } from './http/route';
import { logger, nameOfError } from './logger';
import type { MetricsOutlet } from './metrics/outlet';
import { Monitor } from './monitor/monitor';
import type { Snapshot } from './monitor/snapshots';
import { asksToExport } from './options/export-migrations';
import type { PrometheusMigrationsModuleOptions, ResolvedModuleOptions } from './options/option.types';
import { checkChoice } from './prometheus/client';
import { DefaultMetrics } from './prometheus/default-metrics';
import { MigrationsExporter } from './prometheus/exporter';
import {
  type ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  RESOLVED_OPTIONS,
  DEFINITION,
  OUTLETS,
  ROUTES,
} from './prometheus-migrations.module-definition';
import { moduleOptionsOf } from './prometheus-migrations.options';
import { providersOf } from './prometheus-migrations.providers';
import { MigrationsStatus } from './status/status';

/**
 * Exports the migrations of every TypeORM `DataSource` of the application as Prometheus gauges, and
 * serves them.
 *
 * Import it once, in the root module. Then {@link MigrationsExporter} and {@link MigrationsHealthIndicator} can
 * be injected anywhere.
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
  private portClosed: Promise<void> | undefined;

  constructor(
    @Inject(MODULE_OPTIONS_TOKEN) private readonly given: PrometheusMigrationsModuleOptions | undefined,
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedModuleOptions,
    @Inject(Monitor) private readonly monitor: Monitor,
    @Inject(OUTLETS) private readonly outlets: readonly MetricsOutlet[],
    @Inject(DefaultMetrics) private readonly defaultMetrics: DefaultMetrics,
    @Inject(DriftWatch) private readonly drift: DriftWatch | undefined,
    @Inject(StartupGate) private readonly gate: StartupGate,
    @Inject(MetricsPort) private readonly port: MetricsPort,
    @Inject(ROUTES) private readonly routes: readonly PageRoute[],
    @Inject(DataSourceExplorer) private readonly explorer: DataSourceExplorer,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {
    super();
  }

  /**
   * Registers the module with fixed options.
   *
   * @param options - all have defaults; the environment is read now
   * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a value that cannot work
   * @throws {@link MissingClientError} without a Prometheus client and without a `meter`
   */
  static override forRoot(options: PrometheusMigrationsModuleOptions = {}): DynamicModule {
    return define(super.forRoot(options), {
      provide: RESOLVED_OPTIONS,
      useValue: moduleOptionsOf(options, process.env),
    });
  }

  /**
   * Registers the module with options from other providers.
   *
   * @param options - `useFactory`, or `useClass` or `useExisting` with a class that implements {@link
   * PrometheusMigrationsOptionsFactory}
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return define(super.forRootAsync(options), {
      provide: RESOLVED_OPTIONS,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (given: PrometheusMigrationsModuleOptions = {}) => moduleOptionsOf(given, process.env),
    });
  }

  /** Nest calls this before it builds the routes, when all controllers are known. */
  configure(consumer: MiddlewareConsumer): void {
    for (const route of this.routes) route.configure(consumer);
  }

  /** @throws {@link MigrationsGateError} if the options forbid the start */
  async onApplicationBootstrap(): Promise<void> {
    try {
      await this.gate.pass(() => this.start());
      // The start does not wait for the first drift check.
      this.drift?.start();
    } catch (error) {
      // Release the registry and the port, so that another start can use them.
      this.onModuleDestroy();
      await this.beforeApplicationShutdown();
      this.onApplicationShutdown();
      throw error;
    }
  }

  /** @returns The snapshots for the gate. */
  private async start(): Promise<readonly Snapshot[]> {
    for (const route of this.routes) route.report();
    if (this.options.registry === undefined) logger.log(METER_ONLY);
    else checkChoice(this.given?.registry);
    for (const outlet of this.outlets) outlet.open?.();
    this.defaultMetrics.publish();
    // Before the first collection, so that a database that hangs does not delay the port.
    await this.port.open(Boolean(this.host.httpAdapter));
    const exports = await asksToExport(this.options);
    if (exports) this.export();
    if (!exports && !this.gate.isSet) return [];
    const snapshots = await this.monitor.bootstrap();
    // Publish again: bootstrap may have found DataSources, whose runs must be shown too.
    if (exports) this.publish();
    return snapshots;
  }

  private publish(): void {
    for (const outlet of this.outlets) outlet.publish();
  }

  private export(): void {
    this.publish();
    this.monitor.includeAll();
    for (const alias of this.explorer.requestScoped()) {
      if (!this.options.exclude.includes(alias)) logger.log(requestScopedLine(alias));
    }
  }

  /** The first hook of a shutdown: from now on another application may take the registry and the port. */
  onModuleDestroy(): void {
    this.gate.stop();
    this.drift?.stop();
    for (const outlet of this.outlets) outlet.isClosing = true;
    this.defaultMetrics.isClosing = true;
    this.portClosed = this.port.close().catch((error: unknown) => {
      logger.error(`The metrics port could not be closed (${nameOfError(error)}).`);
    });
  }

  /** Stops reading while the connections are open: TypeORM closes them in `onApplicationShutdown`. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.monitor.stop();
    await this.portClosed;
    if (await this.gate.release()) await this.listening();
  }

  /**
   * Waits for the HTTP server of a continued start: Nest closes the server next, and does not say whether the
   * start will open it.
   */
  private async listening(): Promise<void> {
    const server = this.host.httpAdapter?.getHttpServer() as Server | undefined;
    if (server !== undefined && !server.listening) {
      await Promise.race([once(server, 'listening'), wait(OPENING)]);
    }
  }

  /** Withdraws the metrics in the last hook, after the scrapes that the closing HTTP server still answers. */
  onApplicationShutdown(): void {
    for (const outlet of this.outlets) outlet.withdraw();
    this.defaultMetrics.withdraw();
  }
}

/** Milliseconds that Nest may take from its last start hook until the HTTP server listens. */
const OPENING = 200;

const METER_ONLY =
  'No Prometheus client is installed: the migrations are observed on the OpenTelemetry meter, and there is no metrics endpoint.';

function requestScopedLine(alias: string): string {
  return (
    `${alias}: the DataSource is request-scoped, and its migrations are not exported: the container has no instance of it. ` +
    'Pass one as the option dataSources, or to MigrationsExporter.exportMigrationsForDatabase().'
  );
}

let defined = 0;

/**
 * Gives each module a number. Nest 10 identifies modules by their definition as text, including every value:
 * DataSources would take minutes, and factories with equal text would be one module.
 */
function define(definition: DynamicModule, resolvedOptions: Provider): DynamicModule {
  const providers = [...(definition.providers ?? []), resolvedOptions].map(withoutValue);
  defined += 1;
  return {
    ...definition,
    global: true,
    imports: [...(definition.imports ?? []), DiscoveryModule],
    controllers: PAGES.map(({ base }) => base),
    providers: [...providers, { provide: DEFINITION, useValue: defined }, ...providersOf()],
    exports: [MigrationsExporter, MigrationsHealthIndicator, MigrationsStatus],
  };
}

function withoutValue(provider: Provider): Provider {
  if (!('useValue' in provider)) return provider;
  const { provide, useValue } = provider as ValueProvider<unknown>;
  return { provide, useFactory: () => useValue };
}
