import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  Injectable,
  type ModuleMetadata,
  SetMetadata,
  UseGuards,
  ValidationPipe,
  VersioningType,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import fastifyCompress from '@fastify/compress';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import compression from 'compression';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { MetricsController, PrometheusMigrationsModule } from '../../lib';
import { WrapInterceptor } from '../support/application-parts';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { readingsOf, samples } from '../support/exposition';
import { defineMigrations } from '../support/migrations';
import { PLATFORM_NAMES, PLATFORMS } from '../support/platforms';

const CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;
const READ = { applied_total: 42, unapplied_total: 3, collection_success: 1 };

@Injectable()
class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
    return headers['authorization'] === 'Bearer scraper';
  }
}

@Controller('orders')
class OrdersController {
  @Get()
  list() {
    return [{ id: 1 }];
  }
}

afterEach(closeApplications);

describe.each(PLATFORM_NAMES)('/metrics on %s', (platform) => {
  function start(
    { providers, controllers, options = {} }: ModuleMetadata & { options?: object } = {},
    configure?: (app: INestApplication) => unknown,
  ) {
    return startApplication(
      {
        imports: [
          sqliteModule(defineMigrations(45), { applied: 42 }),
          PrometheusMigrationsModule.forRoot({ registry: new Registry(), ...options }),
        ],
        providers: providers ?? [],
        controllers: [OrdersController, ...(controllers ?? [])],
      },
      configure,
      PLATFORMS[platform],
    );
  }

  it('answers with the text of the registry and its content type, to GET and HEAD', async () => {
    const { fetch } = await start();
    const response = await fetch();
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(CONTENT_TYPE);
    expect(readingsOf(await response.text(), 'default')).toMatchObject(READ);
    const head = await fetch('/metrics', { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([
      200,
      CONTENT_TYPE,
      '',
    ]);
  });

  it('answers with the content type of an OpenMetrics registry', async () => {
    const registry = new Registry();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    const { fetch } = await start({ options: { registry } });
    const response = await fetch();
    expect(response.headers.get('content-type')).toBe(Registry.OPENMETRICS_CONTENT_TYPE);
    expect(await response.text()).toMatch(/# EOF\n$/);
  });

  it('survives a global interceptor, pipe and compression', async () => {
    const { fetch, get } = await start({}, async (app) => {
      app.useGlobalInterceptors(new WrapInterceptor());
      app.useGlobalPipes(
        new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }),
      );
      if (platform === 'Express') app.use(compression({ threshold: 0 }));
      else
        await (
          app.getHttpAdapter().getInstance() as { register: (...plugin: unknown[]) => unknown }
        ).register(fastifyCompress, { threshold: 0, encodings: ['gzip'] });
    });
    expect(await get('/orders')).toBe('{"data":[{"id":1}]}');
    const response = await fetch('/metrics?format=json', { headers: { 'accept-encoding': 'gzip' } });
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(response.headers.get('content-type')).toBe(CONTENT_TYPE);
    expect(readingsOf(await response.text(), 'default')).toMatchObject(READ);
  });

  it('is moved by a global prefix, and not by versioning', async () => {
    const { fetch } = await start({}, (app) => {
      app.setGlobalPrefix('api');
      app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
    });
    const statuses = ['/api/metrics', '/metrics', '/api/v1/orders'].map(
      async (path) => (await fetch(path)).status,
    );
    expect(await Promise.all(statuses)).toEqual([200, 404, 200]);
  });

  it('can be left out of the global prefix', async () => {
    const { fetch } = await start({}, (app) => app.setGlobalPrefix('api', { exclude: ['metrics'] }));
    expect((await fetch('/metrics')).status).toBe(200);
    expect((await fetch('/api/orders')).status).toBe(200);
  });

  it('leaves the endpoint to @willsoto/nestjs-prometheus', async () => {
    const { get } = await startApplication({
      imports: [
        sqliteModule(defineMigrations(45), { applied: 42 }),
        PrometheusModule.register({ defaultMetrics: { enabled: false } }),
        PrometheusMigrationsModule.forRoot({ path: false }),
      ],
    });
    expect(readingsOf(await get(), 'default')).toMatchObject(READ);
  });

  it('is left out with path: false', async () => {
    const { fetch } = await start({ options: { path: false } });
    expect((await fetch()).status).toBe(404);
  });

  it("stands behind the application's global guards", async () => {
    const { fetch } = await start({ providers: [{ provide: APP_GUARD, useClass: TokenGuard }] });
    expect((await fetch()).status).toBe(403);
    expect((await fetch('/metrics', { headers: { authorization: 'Bearer scraper' } })).status).toBe(200);
  });

  it('takes a guard and a route of its own by a subclass of MetricsController', async () => {
    @Controller('internal/metrics')
    @UseGuards(TokenGuard)
    class GuardedMetricsController extends MetricsController {}

    const { fetch } = await start(
      { controllers: [GuardedMetricsController], options: { path: false } },
      (app) => app.useGlobalInterceptors(new WrapInterceptor()),
    );
    expect((await fetch('/internal/metrics')).status).toBe(403);
    const response = await fetch('/internal/metrics', { headers: { authorization: 'Bearer scraper' } });
    expect(response.headers.get('content-type')).toBe(CONTENT_TYPE);
    expect(readingsOf(await response.text(), 'default')).toMatchObject(READ);
    expect((await fetch()).status).toBe(404);
  });

  it("is left out of the application's own guards by the mark that they look for", async () => {
    const Public = () => SetMetadata('isPublic', true);
    @Injectable()
    class ApplicationGuard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        return Reflect.getMetadata('isPublic', context.getClass()) === true;
      }
    }
    @Public()
    @Controller('metrics')
    class PublicMetricsController extends MetricsController {}

    const { fetch } = await start({
      providers: [{ provide: APP_GUARD, useClass: ApplicationGuard }],
      controllers: [PublicMetricsController],
      options: { path: false },
    });
    expect([(await fetch('/metrics')).status, (await fetch('/orders')).status]).toEqual([200, 403]);
  });

  it('serves what else is in the registry', async () => {
    const { get } = await start({ options: { defaultMetrics: true } });
    expect(samples(await get()).get('nodejs_eventloop_lag_seconds')).toBeTypeOf('number');
  });
});
