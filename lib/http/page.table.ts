import type { Abstract, Type } from '@nestjs/common';
import { MigrationsHealthIndicator } from '../health/indicator';
import type { ResolvedModuleOptions } from '../options/option.types';
import { MigrationsExporter } from '../prometheus/exporter';
import { scrapesOf } from '../prometheus/registry';
import { MigrationsStatus } from '../status/status';
import type { Answer } from './answer';
import { MetricsController } from './metrics.controller';
import { metricsPage, readinessPage, statusPage } from './pages';
import { ReadinessController } from './readiness.controller';
import { MigrationsStatusController } from './status.controller';

/** A page that a module serves, in the application and on its own port. */
export interface PageRow<Source = unknown, Served = unknown> {
  /** The class that users extend and pass to `forRoutes()`. */
  readonly base: Type<Served>;
  /**
   * Class of the object that the page shows. It is the application's token; each module has its own object.
   */
  readonly source: Type<Source> | Abstract<Source>;
  /** Returns the object that a controller shows. */
  readonly sourceOf: (controller: Served) => Source;
  /** Returns the path in the application. */
  readonly path: (options: ResolvedModuleOptions) => string | false | undefined;
  /** Returns the path on the separate port if the application has none. */
  readonly portPath?: (options: ResolvedModuleOptions) => string | undefined;
  /** @param accept - the header `Accept` of the request */
  readonly answer: (source: Source, accept: string | undefined) => Promise<Answer>;
  /**
   * Counts how often the content was produced, by any endpoint: another endpoint may show the same.
   * `undefined` while there is none.
   */
  readonly timesMade?: (source: Source) => number | undefined;
  /** Name in the index of the separate port. */
  readonly title: string;
  /** Answer of the separate port if the page fails. */
  readonly failure: string;
  /** Subject and verb for the log. */
  readonly what: string;
  /** How to fix it if another route comes first. */
  readonly whenShadowed: string;
  /** How to fix it if another endpoint already has the path. */
  readonly whenTaken: string;
}

const row = <Source, Served>(page: PageRow<Source, Served>) => page as PageRow;

export const PAGES: readonly PageRow[] = [
  row({
    base: MetricsController,
    source: MigrationsExporter,
    sourceOf: ({ exporter }) => exporter,
    path: ({ registry, path }) => registry !== undefined && path,
    portPath: ({ registry }) => (registry === undefined ? undefined : '/metrics'),
    answer: ({ registry }) => metricsPage(registry),
    timesMade: ({ registry }) => scrapesOf(registry),
    title: 'Metrics',
    failure: 'A metric of the registry could not be collected',
    what: 'Metrics are',
    whenShadowed:
      'the metrics are not served there. Give them a port of their own with the option port, or set the option path to false, ' +
      "extend MetricsController and put the subclass first among the root module's controllers.",
    whenTaken: 'Set the option path to another, or the option registry to the one that is served there.',
  }),
  row({
    base: ReadinessController,
    source: MigrationsHealthIndicator,
    sourceOf: ({ indicator }) => indicator,
    path: ({ readiness }) => readiness?.path,
    answer: (indicator) => readinessPage(indicator),
    title: 'Readiness',
    failure: 'Readiness could not be judged',
    what: 'Readiness is',
    whenShadowed: 'readiness is not served there. Give it a port of its own with the option port.',
    whenTaken: 'Set the path of the option readiness to another.',
  }),
  row({
    base: MigrationsStatusController,
    source: MigrationsStatus,
    sourceOf: ({ migrations }) => migrations,
    path: ({ statusPath }) => statusPath,
    answer: (status, accept) => statusPage(status, accept),
    title: 'Migrations',
    failure: 'The status could not be reported',
    what: 'The status page is',
    whenShadowed:
      'the status page is not served there. Give it a port of its own with the option port, or leave the option statusPath out, ' +
      "extend MigrationsStatusController and put the subclass first among the root module's controllers.",
    whenTaken: 'Set the option statusPath to another.',
  }),
];
