import type { FactoryProvider, InjectionToken, Provider, Type } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { DataSourceExplorer } from './data-source/explorer';
import { StartupGate } from './gate/startup';
import { MigrationsHealthIndicator } from './health/indicator';
import { MetricsController } from './http/metrics.controller';
import { metricsPage, readinessPage, statusPage } from './http/pages';
import { MetricsPort } from './http/port';
import { ReadinessController } from './http/readiness.controller';
import { controllerOf, ControllerRoute } from './http/route';
import type { Page } from './http/server';
import { MigrationsStatusController } from './http/status.controller';
import { Monitor } from './monitor/monitor';
import { MODULE_OPTIONS } from './options/option.table';
import type { ResolvedModuleOptions } from './options/option.types';
import { DefaultMetrics } from './prometheus/default-metrics';
import { MigrationsExporter } from './prometheus/exporter';
import { MigrationMetrics } from './prometheus/metrics';
import {
  OWN_EXPORTER,
  OWN_INDICATOR,
  OWN_STATUS,
  RESOLVED_OPTIONS,
  ROUTES,
} from './prometheus-migrations.module-definition';
import { MigrationsStatus } from './status/status';

/** The controller classes of one module. */
export interface ModuleControllers {
  readonly metrics: Type;
  readonly readiness: Type;
  readonly status: Type;
}

export function controllersOf(): ModuleControllers {
  return {
    metrics: controllerOf(MetricsController, OWN_EXPORTER),
    readiness: controllerOf(ReadinessController, OWN_INDICATOR),
    status: controllerOf(MigrationsStatusController, OWN_STATUS),
  };
}

/** The providers of one module. */
export function providersOf(controllers: ModuleControllers): Provider[] {
  return [
    DataSourceExplorer,
    provide(
      Monitor,
      [RESOLVED_OPTIONS, DataSourceExplorer],
      (options: ResolvedModuleOptions, explorer: DataSourceExplorer) =>
        new Monitor(options, () => explorer.explore()),
    ),
    provide(
      MigrationMetrics,
      [RESOLVED_OPTIONS, Monitor],
      (options: ResolvedModuleOptions, monitor: Monitor) => {
        return new MigrationMetrics(options.registry, options, monitor);
      },
    ),
    provide(DefaultMetrics, [RESOLVED_OPTIONS], ({ registry, defaultMetrics }: ResolvedModuleOptions) => {
      return new DefaultMetrics(registry, defaultMetrics);
    }),
    provide(StartupGate, [RESOLVED_OPTIONS, Monitor], (options: ResolvedModuleOptions, monitor: Monitor) => {
      return new StartupGate(monitor, options);
    }),
    provide(
      MetricsPort,
      [RESOLVED_OPTIONS, OWN_INDICATOR, OWN_STATUS],
      (options: ResolvedModuleOptions, indicator: MigrationsHealthIndicator, status: MigrationsStatus) =>
        new MetricsPort(options, pagesOf(options, indicator, status)),
    ),
    provide(
      ROUTES,
      [RESOLVED_OPTIONS, ModulesContainer, ApplicationConfig, HttpAdapterHost],
      (
        options: ResolvedModuleOptions,
        modules: ModulesContainer,
        config: ApplicationConfig,
        host: HttpAdapterHost,
      ) => routesOf(controllers, options, { modules, config, host }),
    ),
    provide(OWN_EXPORTER, [Monitor, MigrationMetrics], (monitor: Monitor, metrics: MigrationMetrics) => {
      return new MigrationsExporter({ monitor, metrics });
    }),
    provide(
      OWN_INDICATOR,
      [RESOLVED_OPTIONS, Monitor],
      (options: ResolvedModuleOptions, monitor: Monitor) => {
        const { path, ...policy } = options.readiness ?? {};
        return new MigrationsHealthIndicator(monitor, policy);
      },
    ),
    provide(OWN_STATUS, [RESOLVED_OPTIONS, Monitor], (options: ResolvedModuleOptions, monitor: Monitor) => {
      const { allowUnapplied, allowUnknown, allowOutOfOrder } = options.readiness ?? {};
      return new MigrationsStatus(monitor, { allowUnapplied, allowUnknown, allowOutOfOrder });
    }),
    provideFirst(MigrationsExporter, OWN_EXPORTER),
    provideFirst(MigrationsHealthIndicator, OWN_INDICATOR),
    provideFirst(MigrationsStatus, OWN_STATUS),
  ];
}

function provide<Arguments extends unknown[]>(
  token: InjectionToken,
  inject: InjectionToken[],
  useFactory: (...dependencies: Arguments) => unknown,
): FactoryProvider {
  return { provide: token, inject, useFactory: useFactory as FactoryProvider['useFactory'] };
}

/**
 * Provides the first module's instance where an application has several modules. Nest itself would inject
 * the first module's, and return the last module's from `app.get()`.
 */
function provideFirst(token: InjectionToken, own: symbol): FactoryProvider {
  return provide(token, [own, ModulesContainer], (mine: object, modules: ModulesContainer) => {
    const firsts = firstOf.get(modules) ?? new Map<InjectionToken, object>();
    firstOf.set(modules, firsts);
    const first = firsts.get(token) ?? mine;
    firsts.set(token, first);
    return first;
  });
}

const firstOf = new WeakMap<ModulesContainer, Map<InjectionToken, object>>();

/** The pages of the application, each at the path of its option. */
function routesOf(
  controllers: ModuleControllers,
  { path, readiness, statusPath }: ResolvedModuleOptions,
  application: ConstructorParameters<typeof ControllerRoute>[1],
): ControllerRoute[] {
  return [
    {
      base: MetricsController,
      controller: controllers.metrics,
      path,
      what: 'Metrics are',
      whenTaken:
        'If it serves the same registry, set the option path to false; otherwise set path to another.',
      whenShadowed:
        'the metrics are not served there. Give them a port of their own with the option port, or set the option path to false, ' +
        "extend MetricsController and put the subclass first among the root module's controllers.",
    },
    {
      base: ReadinessController,
      controller: controllers.readiness,
      path: readiness?.path ?? false,
      what: 'Readiness is',
      whenTaken: 'Set the path of the option readiness to another.',
      whenShadowed: 'readiness is not served there. Give it a port of its own with the option port.',
    },
    {
      base: MigrationsStatusController,
      controller: controllers.status,
      path: statusPath ?? false,
      what: 'The status page is',
      whenTaken: 'Set the option statusPath to another.',
      whenShadowed:
        'the status page is not served there. Give it a port of its own with the option port, or leave the option statusPath out, ' +
        "extend MigrationsStatusController and put the subclass first among the root module's controllers.",
    },
  ].map(
    (options) =>
      new ControllerRoute(options as ConstructorParameters<typeof ControllerRoute>[0], application),
  );
}

/** The pages of the own port. */
function pagesOf(
  { path, registry, readiness, statusPath }: ResolvedModuleOptions,
  indicator: MigrationsHealthIndicator,
  status: MigrationsStatus,
): [Page, ...Page[]] {
  return [
    {
      title: 'Metrics',
      failure: 'A metric of the registry could not be collected',
      path: path === false ? (MODULE_OPTIONS.path.default as string) : path,
      answer: () => metricsPage(registry),
    },
    ...(readiness?.path === undefined
      ? []
      : [
          {
            title: 'Readiness',
            failure: 'Readiness could not be judged',
            path: readiness.path,
            answer: () => readinessPage(indicator),
          },
        ]),
    ...(statusPath === undefined
      ? []
      : [
          {
            title: 'Migrations',
            failure: 'The status could not be reported',
            path: statusPath,
            answer: (accept: string | undefined) => statusPage(status, accept),
          },
        ]),
  ];
}
