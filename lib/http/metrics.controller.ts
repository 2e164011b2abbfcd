import { Controller, Get, Inject, Res, SetMetadata, UseGuards, VERSION_NEUTRAL } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { MetricsRegistry } from '../options/option.types';
import { MigrationsExporter } from '../prometheus/exporter';
import { answerPastInterceptors, BEFORE_INTERCEPTORS } from './answer';
import { OWN_ROUTE, SWAGGER_EXCLUDE } from './metadata';
import { metricsPage } from './pages';

/**
 * Serves the registry of the {@link MigrationsExporter}, on Express and Fastify.
 *
 * The module registers one automatically. To add a guard or your own route, set the module's
 * `path` to `false`, extend this class and decorate the subclass with `@Controller()` and your guards.
 * Then list it in a module's `controllers`.
 *
 * @example
 * ```ts
 * @Controller({ path: 'internal/metrics', version: VERSION_NEUTRAL })
 * @UseGuards(ScraperGuard)
 * export class InternalMetricsController extends MetricsController {}
 * ```
 */
@SetMetadata(SWAGGER_EXCLUDE, [true])
@Controller({ path: [], version: VERSION_NEUTRAL })
export class MetricsController {
  constructor(
    @Inject(MigrationsExporter) readonly exporter: { readonly registry: MetricsRegistry },
    @Inject(HttpAdapterHost) readonly host: HttpAdapterHost,
  ) {}

  /** Answers with the exposition text. Interceptors get no body, so they cannot wrap it. */
  @Get()
  @SetMetadata(OWN_ROUTE, true)
  @UseGuards(BEFORE_INTERCEPTORS)
  async metrics(@Res({ passthrough: true }) response: unknown): Promise<void> {
    const { httpAdapter } = this.host;
    await answerPastInterceptors(httpAdapter, response, () => metricsPage(this.exporter.registry));
  }
}
