import { Controller, Get, Inject, Res, type Type, VERSION_NEUTRAL } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { MigrationsExporter } from './migrations.exporter';

/**
 * Serves the registry of the {@link MigrationsExporter}, on Express and Fastify.
 *
 * The module registers one by itself. To put a guard or a route of your own on it, set the module's
 * `path` to `false`, extend this class, decorate the subclass with `@Controller('metrics')` and what
 * else it needs, and list it among a module's `controllers`.
 */
@Controller()
export class MetricsController {
  constructor(
    @Inject(MigrationsExporter) private readonly exporter: MigrationsExporter,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {}

  /** Answers with the exposition text; past interceptors, which must not wrap it. */
  @Get()
  async metrics(@Res() response: unknown): Promise<void> {
    const { registry } = this.exporter;
    const { httpAdapter } = this.host;
    const body = await registry.metrics();
    httpAdapter.setHeader(response, 'Content-Type', registry.contentType);
    // Express would hash the body for an ETag that no scraper asks for, and rewrite the content type.
    if (httpAdapter.getType() === 'express') httpAdapter.end(response, body);
    else httpAdapter.reply(response, body, 200);
  }
}

/**
 * A controller class of its own for each module: their routes differ, and metadata on a shared class
 * would give all of them the route of the last.
 */
export function createMetricsController(): Type<MetricsController> {
  return class extends MetricsController {
    static {
      Object.defineProperty(this, 'name', { value: MetricsController.name });
    }
  };
}

/**
 * Gives a controller class its route, or none. Nest builds the routes after it has resolved all
 * providers, so this may wait until asynchronous options are known.
 */
export function routeMetricsController(controller: Type<MetricsController>, path: string | false): void {
  Controller({ path: path === false ? [] : path, version: VERSION_NEUTRAL })(controller);
}
