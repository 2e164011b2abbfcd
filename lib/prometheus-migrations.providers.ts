import type { FactoryProvider, InjectionToken, Provider, Type } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModuleRef, ModulesContainer } from '@nestjs/core';
import { DataSourceExplorer } from './data-source/explorer';
import { DriftWatch } from './drift/watch';
import { StartupGate } from './gate/startup';
import { MigrationsHealthIndicator } from './health/indicator';
import { Readiness } from './health/readiness';
import { PAGES, type PageRow } from './http/page.table';
import { MetricsPort } from './http/port';
import { type HostModule, PageRoute } from './http/route';
import type { Page } from './http/server';
import type { MetricsOutlet } from './metrics/outlet';
import { Monitor } from './monitor/monitor';
import type { MetricsRegistry, ResolvedModuleOptions } from './options/option.types';
import { meterOf } from './opentelemetry/meter';
import { MeterMetrics } from './opentelemetry/meter-metrics';
import { DefaultMetrics } from './prometheus/default-metrics';
import { MigrationsExporter } from './prometheus/exporter';
import { ExporterParts } from './prometheus/exporter-parts';
import { MigrationMetrics } from './prometheus/metrics';
import { OUTLETS, RESOLVED_OPTIONS, ROUTES } from './prometheus-migrations.module-definition';
import { MigrationsStatus } from './status/status';

/** Tokens of one module's objects. The classes are the application's tokens. */
const OWN = new Map(PAGES.map(({ source }) => [source, Symbol(source.name)]));

const ownOf = (source: PageRow['source']) => OWN.get(source) as symbol;

/** Returns the providers of one module. */
export function providersOf(): Provider[] {
  return [
    DataSourceExplorer,
    provide(
      Monitor,
      [RESOLVED_OPTIONS, DataSourceExplorer],
      (options: ResolvedModuleOptions, explorer: DataSourceExplorer) =>
        new Monitor(options, () => explorer.explore()),
    ),
    provide(OUTLETS, [RESOLVED_OPTIONS, Monitor], outletsOf),
    provide(DefaultMetrics, [RESOLVED_OPTIONS], ({ registry, defaultMetrics }: ResolvedModuleOptions) => {
      return new DefaultMetrics(registry as MetricsRegistry, defaultMetrics);
    }),
    provide(DriftWatch, [RESOLVED_OPTIONS, Monitor], ({ drift }: ResolvedModuleOptions, monitor: Monitor) => {
      return drift && new DriftWatch(drift, monitor);
    }),
    provide(StartupGate, [RESOLVED_OPTIONS, Monitor], (options: ResolvedModuleOptions, monitor: Monitor) => {
      return new StartupGate(monitor, options);
    }),
    provide(
      MetricsPort,
      [RESOLVED_OPTIONS, ...OWN.values()],
      (options: ResolvedModuleOptions, ...sources) => {
        return new MetricsPort(options, pagesOf(options, sources));
      },
    ),
    provide(
      ROUTES,
      [RESOLVED_OPTIONS, ModuleRef, ModulesContainer, ApplicationConfig, HttpAdapterHost, ...OWN.values()],
      (
        options: ResolvedModuleOptions,
        moduleRef: ModuleRef,
        modules: ModulesContainer,
        config: ApplicationConfig,
        host: HttpAdapterHost,
        ...sources: unknown[]
      ) => {
        const application = { modules, module: hostOf(moduleRef, modules), config, host };
        return PAGES.map((page, index) => {
          const shown = { token: ownOf(page.source), source: sources[index] };
          return new PageRoute(page, page.path(options) ?? false, shown, application);
        });
      },
    ),
    provide(
      ownOf(MigrationsExporter),
      [RESOLVED_OPTIONS, Monitor, OUTLETS],
      ({ registry }: ResolvedModuleOptions, monitor: Monitor, outlets: readonly MetricsOutlet[]) => {
        return new (MigrationsExporter as Type)(new ExporterParts(monitor, outlets, registry));
      },
    ),
    provide(
      ownOf(MigrationsHealthIndicator),
      [RESOLVED_OPTIONS, Monitor],
      (options: ResolvedModuleOptions, monitor: Monitor) => {
        const { path, ...policy } = options.readiness ?? {};
        return new Readiness(monitor, policy);
      },
    ),
    provide(
      ownOf(MigrationsStatus),
      [RESOLVED_OPTIONS, Monitor],
      (options: ResolvedModuleOptions, monitor: Monitor) => {
        const { path, connections, whenUnreadable, once, ...policy } = options.readiness ?? {};
        return new MigrationsStatus(monitor, policy, options.title);
      },
    ),
    ...Array.from(OWN, ([token, own]) => provideFirst(token, own)),
  ];
}

/** Creates the outlets: a registry, a meter, or both. */
function outletsOf(options: ResolvedModuleOptions, monitor: Monitor): readonly MetricsOutlet[] {
  const { registry, meter } = options;
  return [
    ...(registry === undefined ? [] : [new MigrationMetrics(registry, options, monitor)]),
    ...(meter === undefined ? [] : [new MeterMetrics(() => meterOf(meter), options, monitor)]),
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
 * Provides the first module's instance if an application has several modules. Nest itself would inject the
 * first module's, but return the last module's from `app.get()`.
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

/** Finds our module in the container, by its `ModuleRef`. */
function hostOf(moduleRef: ModuleRef, modules: ModulesContainer): HostModule {
  const host = [...modules.values()].find((each) => each.getProviderByKey(ModuleRef).instance === moduleRef);
  return host as HostModule;
}

/** Returns the pages of the separate port. The metrics always have a path there. */
function pagesOf(options: ResolvedModuleOptions, sources: readonly unknown[]): [Page, ...Page[]] {
  const pages = PAGES.flatMap<Page>((page, index) => {
    const { title, failure, what, portPath } = page;
    const path = page.path(options) || portPath?.(options);
    return path === undefined
      ? []
      : [{ title, failure, what, path, answer: (accept) => page.answer(sources[index], accept) }];
  });
  return pages as [Page, ...Page[]];
}
