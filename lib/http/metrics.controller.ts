import { Controller, Get, Inject, Res, SetMetadata, VERSION_NEUTRAL } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { MetricsRegistry } from '../options/option.types';
import { MigrationsExporter } from '../prometheus/exporter';
import { restore } from '../prometheus/registry';
import { answerPastInterceptors } from './answer';

/** Metadata of the handler: Nest copies it to the route, by which ours is told from others. */
export const METRICS_ROUTE = 'nestjs-prometheus-migrations/metrics-route';
/** By this `@nestjs/swagger` leaves a controller out of the document. */
const SWAGGER_EXCLUDE = 'swagger/apiExcludeController';

/**
 * Serves the registry of the {@link MigrationsExporter}, on Express and Fastify.
 *
 * The module registers one by itself. To put a guard or a route of your own on it, set the module's
 * `path` to `false`, extend this class, decorate the subclass with `@Controller()` and what else it
 * needs, and list it among a module's `controllers`.
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

  /** Answers with the exposition text; interceptors see no body, and cannot wrap it. */
  @Get()
  @SetMetadata(METRICS_ROUTE, true)
  async metrics(@Res({ passthrough: true }) response: unknown): Promise<void> {
    const { registry } = this.exporter;
    restore(registry);
    const text = await registry.metrics();
    answerPastInterceptors(this.host.httpAdapter, response, registry.contentType, text);
  }
}
