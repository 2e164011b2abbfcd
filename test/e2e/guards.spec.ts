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
  type Type,
  UseGuards,
  VERSION_NEUTRAL,
  VersioningType,
} from '@nestjs/common';
import { APP_GUARD, Reflector, RouterModule } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import {
  MetricsController,
  MigrationsStatusController,
  PrometheusMigrationsModule,
  type PrometheusMigrationsModuleOptions,
} from '../../lib';
import { OrdersController } from '../support/application-parts';
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

describe.each(PLATFORM_NAMES)('middleware for MetricsController with subclasses on %s', (platform) => {
  @Controller({ path: ['internal/metrics', 'metrics-too'], version: VERSION_NEUTRAL })
  class InternalMetricsController extends MetricsController {}
  @Controller({ path: 'other/metrics', version: VERSION_NEUTRAL })
  class OtherMetricsController extends MetricsController {}
  @Module({ controllers: [OtherMetricsController] })
  class OtherModule {}

  it.each([
    ['without a path', false, '', undefined],
    ['with a path', '/metrics', '', undefined],
    ['behind a prefix', '/metrics', '/api', (app: INestApplication) => app.setGlobalPrefix('api')],
    [
      'with versions',
      false,
      '',
      (app: INestApplication) => app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
    ],
  ] as const)('guards them as well, once each: %s', async (_what, path, prefix, configure) => {
    let calls = 0;
    const options = { registry: new Registry(), path };
    @Module({
      imports: [
        sqliteModule(defineMigrations(1)),
        PrometheusMigrationsModule.forRoot(options),
        PrometheusMigrationsModule.forRoot({ ...options, path: false, prefix: 'second' }),
        OtherModule,
        RouterModule.register([{ path: 'ops', module: OtherModule }]),
      ],
      controllers: [OrdersController, InternalMetricsController],
    })
    class AppModule implements NestModule {
      configure(consumer: MiddlewareConsumer) {
        const count = (_request: unknown, _response: unknown, next: () => void) => {
          calls += 1;
          next();
        };
        consumer.apply(count, TokenMiddleware).forRoutes(MetricsController);
      }
    }
    const { app } = await startApplication({ imports: [AppModule] }, configure, PLATFORMS[platform]);
    const paths = ['/internal/metrics', '/metrics-too', '/ops/other/metrics', ...(path ? [path] : [])];
    for (const each of paths.map((one) => prefix + one)) {
      expect([each, await statusOf(app, each)]).toEqual([each, 401]);
      expect([each, await statusOf(app, each, TOKEN)]).toEqual([each, 200]);
    }
    expect(calls).toBe(2 * paths.length);
  });
});

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

describe.each(PLATFORM_NAMES)('two applications of one process on %s', (platform) => {
  /** An application that refuses both pages without a token, and serves a route of its own at /public. */
  async function create(paths: { path: string; statusPath: string }, isAsync: boolean) {
    @Controller('public')
    class PublicController {
      @Get()
      find() {
        return [];
      }
    }
    const options = { registry: new Registry(), ...paths };
    @Module({
      imports: [
        sqliteModule(defineMigrations(1)),
        isAsync
          ? PrometheusMigrationsModule.forRootAsync({ useFactory: async () => options })
          : PrometheusMigrationsModule.forRoot(options),
      ],
      controllers: [PublicController],
    })
    class AppModule implements NestModule {
      async configure(consumer: MiddlewareConsumer) {
        consumer.apply(TokenMiddleware).forRoutes(MetricsController);
        // Another application may be asked meanwhile.
        await new Promise(setImmediate);
        consumer.apply(TokenMiddleware).forRoutes(MigrationsStatusController);
      }
    }
    const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
    const app = PLATFORMS[platform](module);
    applications.push(app);
    return { app, paths: [paths.path, paths.statusPath], listen: () => app.listen(0, '127.0.0.1') };
  }
  type Created = Awaited<ReturnType<typeof create>>;
  const applications: INestApplication[] = [];
  afterEach(async () => {
    for (const app of applications.splice(0)) await app.close();
  });

  async function expectGuarded({ app, paths }: Created, other: Created) {
    for (const path of paths) {
      expect([path, await statusOf(app, path)]).toEqual([path, 401]);
      expect([path, await statusOf(app, path, TOKEN)]).toEqual([path, 200]);
    }
    expect(await statusOf(app, '/public')).toBe(200);
    for (const path of other.paths.filter((each) => !paths.includes(each))) {
      expect([path, await statusOf(app, path)]).toEqual([path, 404]);
    }
  }

  const FIRST = { path: '/first', statusPath: '/first-status' };
  const SECOND = { path: '/second', statusPath: '/second-status' };
  const orders: [string, (first: Created, second: Created) => Promise<void>][] = [
    [
      'in the order of their creation',
      async (first, second) => {
        await first.listen();
        await second.listen();
      },
    ],
    [
      'the last created first',
      async (first, second) => {
        await second.listen();
        await first.listen();
      },
    ],
    [
      'at the same time',
      async (first, second) => {
        await Promise.all([first.listen(), second.listen()]);
      },
    ],
    [
      'initialized before either listens',
      async (first, second) => {
        await Promise.all([second.app.init(), first.app.init()]);
        await first.listen();
        await second.listen();
      },
    ],
  ];

  describe.each([
    ['forRoot', false],
    ['forRootAsync', true],
  ])('with %s', (_way, isAsync) => {
    it.each(orders)('are guarded both: %s', async (_order, listen) => {
      const first = await create(FIRST, isAsync);
      const second = await create(SECOND, isAsync);
      await listen(first, second);
      await expectGuarded(first, second);
      await expectGuarded(second, first);
    });
  });

  it('are guarded both with the same path, and the first when the second is closed', async () => {
    const first = await create(FIRST, false);
    const second = await create(FIRST, false);
    await first.listen();
    await expectGuarded(first, second);
    await second.listen();
    await second.app.close();
    await expectGuarded(first, second);
    const third = await create(SECOND, false);
    await third.app.close();
    await expectGuarded(first, third);
  });

  it('have paths of their own though their modules are one class, and one leaves its path to another controller', async () => {
    let path = '/first';
    @Module({
      imports: [
        sqliteModule(defineMigrations(1)),
        PrometheusMigrationsModule.forRootAsync({ useFactory: () => ({ registry: new Registry(), path }) }),
      ],
    })
    class AppModule implements NestModule {
      configure(consumer: MiddlewareConsumer) {
        consumer.apply(TokenMiddleware).forRoutes(MetricsController);
      }
    }
    @Controller('second')
    class OtherController {
      @Get()
      find() {
        return 'theirs';
      }
    }
    const createOne = async (controllers: Type[] = []) => {
      const module = await Test.createTestingModule({ imports: [AppModule], controllers }).compile();
      const app = PLATFORMS[platform](module);
      applications.push(app);
      return app;
    };
    const first = await createOne();
    path = '/second';
    const second = await createOne();
    const third = await createOne([OtherController]);
    for (const app of [third, first, second]) await app.listen(0, '127.0.0.1');
    const seen = async (app: INestApplication) => [
      await statusOf(app, '/first'),
      await statusOf(app, '/first', TOKEN),
      await statusOf(app, '/second'),
      await statusOf(app, '/second', TOKEN),
    ];
    expect(await seen(first)).toEqual([401, 200, 404, 404]);
    expect(await seen(second)).toEqual([404, 404, 401, 200]);
    expect(await seen(third)).toEqual([404, 404, 401, 200]);
  });

  it('with path: false has no path of the other', async () => {
    @Module({})
    class GuardModule implements NestModule {
      configure(consumer: MiddlewareConsumer) {
        consumer.apply(TokenMiddleware).forRoutes(MetricsController);
      }
    }
    const first = await create(FIRST, false);
    await first.listen();
    const second = await startApplication(
      {
        imports: [
          sqliteModule(defineMigrations(1)),
          PrometheusMigrationsModule.forRoot({ registry: new Registry(), path: false }),
          GuardModule,
        ],
      },
      undefined,
      PLATFORMS[platform],
    );
    expect(await statusOf(second.app, '/first')).toBe(404);
    await expectGuarded(first, first);
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
