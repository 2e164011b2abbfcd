import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  Injectable,
  type MiddlewareConsumer,
  Module,
  type NestMiddleware,
  type NestModule,
  UseGuards,
  VersioningType,
} from '@nestjs/common';
import { APP_GUARD, Reflector, RouterModule } from '@nestjs/core';
import { request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import {
  MetricsController,
  PrometheusMigrationsModule,
  type PrometheusMigrationsModuleOptions,
} from '../../lib';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { defineMigrations } from '../support/migrations';
import { PLATFORM_NAMES, PLATFORMS } from '../support/platforms';

const TOKEN = { authorization: 'Bearer scraper' };

interface RawResponse {
  statusCode: number;
  end(text: string): void;
}

@Injectable()
class TokenMiddleware implements NestMiddleware {
  use(request: { headers: Record<string, string> }, response: RawResponse, next: () => void): void {
    if (request.headers['authorization'] === TOKEN.authorization) return next();
    response.statusCode = 401;
    response.end('no');
  }
}

@Controller('orders')
class OrdersController {
  @Get()
  list() {
    return [];
  }
}

afterEach(closeApplications);

/** The status of a path as it is, which `fetch` would normalize. */
function statusOf(app: INestApplication, path: string, headers = {}): Promise<number> {
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  return new Promise((resolve, reject) => {
    httpRequest({ port, host: '127.0.0.1', path, headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .once('error', reject)
      .end();
  });
}

describe.each(PLATFORM_NAMES)('consumer.apply(…).forRoutes(MetricsController) on %s', (platform) => {
  function start(
    module: ReturnType<typeof PrometheusMigrationsModule.forRoot>,
    {
      imports = [],
      configure,
    }: {
      imports?: ReturnType<typeof RouterModule.register>[];
      configure?: (app: INestApplication) => unknown;
    } = {},
  ) {
    @Module({
      imports: [sqliteModule(defineMigrations(1)), module, ...imports],
      controllers: [OrdersController],
    })
    class AppModule implements NestModule {
      configure(consumer: MiddlewareConsumer) {
        consumer.apply(TokenMiddleware).forRoutes(MetricsController);
      }
    }
    return startApplication({ imports: [AppModule] }, configure, PLATFORMS[platform]);
  }
  const forRoot = (options: PrometheusMigrationsModuleOptions = {}) =>
    PrometheusMigrationsModule.forRoot({ registry: new Registry(), ...options });
  const forRootAsync = (options: PrometheusMigrationsModuleOptions = {}) =>
    PrometheusMigrationsModule.forRootAsync({
      useFactory: async () => ({ registry: new Registry(), ...options }),
    });

  it.each([
    ['forRoot', forRoot(), '/metrics', '/orders', undefined],
    ['forRootAsync', forRootAsync(), '/metrics', '/orders', undefined],
    ['another path', forRoot({ path: '/internal/metrics/' }), '/internal/metrics', '/orders', undefined],
    [
      'a global prefix',
      forRoot(),
      '/api/metrics',
      '/api/orders',
      (app: INestApplication) => app.setGlobalPrefix('api'),
    ],
    [
      'a global prefix that it is excluded from',
      forRoot(),
      '/metrics',
      '/api/orders',
      (app: INestApplication) => app.setGlobalPrefix('api', { exclude: ['metrics'] }),
    ],
    [
      'versioning',
      forRoot(),
      '/metrics',
      '/v1/orders',
      (app: INestApplication) => app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
    ],
  ])('guards it, and nothing else: %s', async (_what, module, path, other, configure) => {
    const { app } = await start(module, configure && { configure });
    expect(await statusOf(app, other)).toBe(200);
    expect(await statusOf(app, path, TOKEN)).toBe(200);
    for (const variant of [
      path,
      `${path}/`,
      `${path}?a`,
      `${path}/?a`,
      path.toUpperCase(),
      `/${path}`,
      `${path}//`,
    ]) {
      expect([variant, await statusOf(app, variant)]).toEqual([variant, expect.toSatisfy(isRefused)]);
    }
  });

  it('guards it where RouterModule puts it', async () => {
    const { app } = await start(forRoot(), {
      imports: [RouterModule.register([{ path: 'internal', module: PrometheusMigrationsModule }])],
    });
    expect(await statusOf(app, '/internal/metrics')).toBe(401);
    expect(await statusOf(app, '/internal/metrics', TOKEN)).toBe(200);
    expect(await statusOf(app, '/orders')).toBe(200);
  });

  it('guards the paths of two modules', async () => {
    @Module({ imports: [forRootAsync({ path: '/b', prefix: 'django' })] })
    class Other {}
    const { app } = await start(forRoot({ path: '/a' }), { imports: [{ module: Other }] });
    expect([await statusOf(app, '/a'), await statusOf(app, '/b')]).toEqual([401, 401]);
    expect([await statusOf(app, '/a', TOKEN), await statusOf(app, '/b', TOKEN)]).toEqual([200, 200]);
    expect(await statusOf(app, '/orders')).toBe(200);
  });

  it('guards nothing with path: false', async () => {
    const { app } = await start(forRoot({ path: false }));
    expect([await statusOf(app, '/orders'), await statusOf(app, '/')]).toEqual([200, 404]);
  });

  it('is not moved by another application of other options', async () => {
    const { app } = await start(forRoot({ path: '/first' }));
    const second = await start(forRoot({ path: '/second' }));
    expect([await statusOf(app, '/first'), await statusOf(second.app, '/second')]).toEqual([401, 401]);
    expect([await statusOf(app, '/first', TOKEN), await statusOf(second.app, '/first')]).toEqual([200, 404]);
  });
});

const isRefused = (status: number) => status === 401 || status === 404;

describe.each(PLATFORM_NAMES)('a guard on %s', (platform) => {
  it('sees MetricsController, its metadata and its handler', async () => {
    const seen: unknown[] = [];
    @Injectable()
    class WatchingGuard implements CanActivate {
      constructor(private readonly reflector: Reflector) {}
      canActivate(context: ExecutionContext): boolean {
        seen.push(
          context.getClass() === MetricsController,
          context.getHandler() === MetricsController.prototype.metrics,
          this.reflector.get('swagger/apiExcludeController', context.getClass()),
        );
        return true;
      }
    }
    const { fetch } = await startApplication(
      {
        imports: [
          sqliteModule(defineMigrations(1)),
          PrometheusMigrationsModule.forRoot({ registry: new Registry() }),
        ],
        providers: [{ provide: APP_GUARD, useClass: WatchingGuard }],
      },
      undefined,
      PLATFORMS[platform],
    );
    expect((await fetch()).status).toBe(200);
    expect(seen).toEqual([true, true, [true]]);
  });

  it('sees the subclass that it stands on, with its own metadata', async () => {
    let seen: unknown;
    @Injectable()
    class WatchingGuard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        seen = context.getClass();
        return false;
      }
    }
    @Controller('internal/metrics')
    @UseGuards(WatchingGuard)
    class InternalController extends MetricsController {}
    const { fetch } = await startApplication(
      {
        imports: [
          sqliteModule(defineMigrations(1)),
          PrometheusMigrationsModule.forRoot({ registry: new Registry() }),
        ],
        controllers: [InternalController],
      },
      undefined,
      PLATFORMS[platform],
    );
    expect([(await fetch('/internal/metrics')).status, (await fetch('/metrics')).status]).toEqual([403, 200]);
    expect(seen).toBe(InternalController);
  });
});

it('@nestjs/swagger leaves the controller out of the document, and subclasses of it', () => {
  class InternalController extends MetricsController {}
  for (const controller of [MetricsController, InternalController]) {
    expect(Reflect.getMetadata('swagger/apiExcludeController', controller)).toEqual([true]);
  }
});
