import {
  All,
  Controller,
  Get,
  type INestApplication,
  type MiddlewareConsumer,
  Module,
  type ModuleMetadata,
  type NestModule,
  RequestMethod,
  type Type,
  UnauthorizedException,
  Version,
  VERSION_NEUTRAL,
  VersioningType,
} from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { register, Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import {
  MetricsController,
  MigrationsExporter,
  PrometheusMigrationsModule,
  type PrometheusMigrationsModuleOptions,
} from '../../lib';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { readingsOf } from '../support/exposition';
import type { RecordingLogger } from '../support/logs';
import { defineMigrations } from '../support/migrations';
import { PLATFORM_NAMES, type Platform, PLATFORMS } from '../support/platforms';

const READ = { applied_total: 42, unapplied_total: 3 };

afterEach(async () => {
  await closeApplications();
  // What @willsoto/nestjs-prometheus leaves behind.
  register.clear();
});

function starter(platform: Platform) {
  return async (
    options: PrometheusMigrationsModuleOptions = {},
    { imports = [], ...metadata }: ModuleMetadata = {},
    configure?: (app: INestApplication) => unknown,
  ) => {
    const application = await startApplication(
      {
        ...metadata,
        imports: [
          sqliteModule(defineMigrations(45), { applied: 42 }),
          PrometheusMigrationsModule.forRoot({ registry: new Registry(), ...options }),
          ...imports,
        ],
      },
      configure,
      PLATFORMS[platform],
    );
    return {
      ...application,
      /** Whether a path answers with the metrics. */
      serves: async (path = '/metrics') => {
        const response = await application.fetch(path);
        return (
          response.status === 200 && readingsOf(await response.text(), 'default')['applied_total'] === 42
        );
      },
      warnings: application.logger.lines.filter((line) => line.startsWith('warn')),
    };
  };
}

type Handler = (request: unknown, response: { send(text: string): unknown }, next: unknown) => void;

/** The application of Express or Fastify itself. */
function instanceOf(app: INestApplication) {
  return app.getHttpAdapter().getInstance() as Record<
    'get' | 'all',
    (path: string, handler: Handler) => void
  >;
}

const taken = (path: string, name: string) =>
  `log GET ${path} is served by ${name}, which keeps the route. ` +
  'A warning follows if its first answer is without these metrics.';

const missing = (path: string, name: string) =>
  `warn GET ${path} was answered by ${name} without these metrics. ` +
  'Set the option path to another, or the option registry to the one that is served there.';

/** Waits until the log has a line as the only warning, which follows the answer. */
const expectWarning = ({ lines }: RecordingLogger, line: string) =>
  expect.poll(() => lines.filter((each) => each.startsWith('warn'))).toEqual([line]);

describe.each(PLATFORM_NAMES)('a path that another controller has on %s', (platform) => {
  const start = starter(platform);

  it.each([
    ['register', () => PrometheusModule.register()],
    ['registerAsync', () => PrometheusModule.registerAsync({ useFactory: () => ({}) })],
  ])('is left to @willsoto/nestjs-prometheus (%s)', async (_way, create) => {
    const { get, logger } = await start({ registry: register }, { imports: [create()] });
    const text = await get();
    expect(text).toMatch(/^process_cpu_user_seconds_total /m);
    expect(readingsOf(text, 'default')).toMatchObject(READ);
    expect(logger.lines).toEqual([
      taken('/metrics', 'PrometheusController'),
      'log default: migrations: 42 applied, 3 unapplied',
    ]);
    expect(logger.served).toEqual([]);
  });

  it('is no news if it shows the metrics of this module, whatever the registry', async () => {
    const registry = new Registry();
    @Controller('metrics')
    class SameController {
      @Get()
      find() {
        return registry.metrics();
      }
    }
    const { serves, logger } = await start({ registry }, { controllers: [SameController] });
    for (let scrape = 0; scrape < 3; scrape += 1) expect(await serves()).toBe(true);
    expect(logger.lines).toEqual([
      taken('/metrics', 'SameController'),
      'log default: migrations: 42 applied, 3 unapplied',
    ]);
  });

  it('is judged by its first answer: not by a refusal, not by HEAD, and not before there are metrics', async () => {
    let isOpen = false;
    const registry = new Registry();
    @Controller('metrics')
    class GuardedController {
      @Get()
      find() {
        if (!isOpen) throw new UnauthorizedException();
        return registry.metrics();
      }
    }
    const { app, fetch, serves, logger } = await start(
      { registry, exportMigrations: false },
      { controllers: [GuardedController] },
    );
    expect((await fetch()).status).toBe(401);
    isOpen = true;
    expect((await fetch()).status).toBe(200);
    await app.get(MigrationsExporter).exportMigrations();
    isOpen = false;
    expect((await fetch()).status).toBe(401);
    isOpen = true;
    await fetch('/metrics', { method: 'HEAD' });
    expect(await serves()).toBe(true);
    expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
  });

  it('warns once, however often the other answers', async () => {
    @Controller('metrics')
    class StrangeController {
      @Get()
      find() {
        return 'theirs';
      }
    }
    const { get, logger } = await start({}, { controllers: [StrangeController] });
    for (let scrape = 0; scrape < 3; scrape += 1) await get();
    await expectWarning(logger, missing('/metrics', 'StrangeController'));
  });

  const answer = 'theirs';
  @Controller('metrics')
  class OnController {
    @Get()
    find() {
      return answer;
    }
  }
  @Controller()
  class OnHandler {
    @Get(['/other', '/metrics/'])
    find() {
      return answer;
    }
  }
  @Controller(['other', 'metrics'])
  class Inheriting extends OnController {}
  @Controller()
  class ForAllMethods {
    @All('metrics')
    find() {
      return answer;
    }
  }

  it.each<Type>([OnController, OnHandler, Inheriting, ForAllMethods])('is left to %o', async (controller) => {
    const { get, warnings, logger } = await start({}, { controllers: [controller] });
    expect(logger.lines).toContain(taken('/metrics', controller.name));
    expect(warnings).toEqual([]);
    expect(await get()).toBe(answer);
    await expectWarning(logger, missing('/metrics', controller.name));
  });

  it('is left to it behind a global prefix, and one that is excluded from it', async () => {
    const prefixed = await start({}, { controllers: [OnController] }, (app) => app.setGlobalPrefix('api'));
    expect(await prefixed.get('/api/metrics')).toBe(answer);
    await expectWarning(prefixed.logger, missing('/api/metrics', 'OnController'));

    const excluded = await start({ path: '/api/metrics' }, { controllers: [OnController] }, (app) =>
      app.setGlobalPrefix('api', { exclude: ['api/metrics'] }),
    );
    expect(await excluded.get('/api/metrics')).toBe(answer);
    await expectWarning(excluded.logger, missing('/api/metrics', 'OnController'));
  });

  it('is left to a controller of a module that RouterModule puts there', async () => {
    @Controller()
    class RoutedController {
      @Get()
      find() {
        return answer;
      }
    }
    @Module({ controllers: [RoutedController] })
    class RoutedModule {}
    const { get, logger } = await start(
      {},
      { imports: [RoutedModule, RouterModule.register([{ path: 'metrics', module: RoutedModule }])] },
    );
    expect(await get()).toBe(answer);
    await expectWarning(logger, missing('/metrics', 'RoutedController'));
  });

  it('is found where RouterModule puts our own module', async () => {
    const { serves, logger } = await start(
      {},
      { imports: [RouterModule.register([{ path: 'internal', module: PrometheusMigrationsModule }])] },
    );
    expect([await serves('/internal/metrics'), await serves('/metrics')]).toEqual([true, false]);
    expect(logger.served).toEqual(['/internal/metrics']);
  });

  it('is shared by two modules of ours: one of them has it', async () => {
    const { fetch, logger } = await start(
      {},
      { imports: [PrometheusMigrationsModule.forRoot({ registry: new Registry(), prefix: 'django' })] },
    );
    expect((await fetch()).status).toBe(200);
    await expectWarning(logger, missing('/metrics', 'MetricsController'));
  });

  it('is ours if the other answers other requests: another method, host, version or prefix', async () => {
    @Controller({ path: 'metrics', version: '2' })
    class VersionedController {
      @Get()
      find() {
        return answer;
      }
    }
    @Controller({ path: 'metrics', version: VERSION_NEUTRAL })
    class NeutralController {
      @Version('3')
      @Get()
      find() {
        return answer;
      }
    }
    const { serves, warnings, get } = await start(
      {},
      { controllers: [VersionedController, NeutralController] },
      (app) => app.enableVersioning({ type: VersioningType.URI }),
    );
    expect([await serves(), await get('/v2/metrics'), await get('/v3/metrics')]).toEqual([
      true,
      answer,
      answer,
    ]);
    expect(warnings).toEqual([]);
  });
});

describe.each(PLATFORM_NAMES)('a path that somebody else has on the %s instance itself', (platform) => {
  const start = starter(platform);

  it.each(['/metrics', '/metrics/'])('keeps %s, and the log says so', async (path) => {
    const { get, warnings, logger } = await start({}, {}, (app) =>
      instanceOf(app).get(path, (_request, response) => void response.send('theirs')),
    );
    expect(await get(path)).toBe('theirs');
    if (platform === 'Express' || path === '/metrics') {
      await expectWarning(logger, missing('/metrics', `a route of ${platform}`));
      expect(logger.served).toEqual([]);
    } else {
      expect([warnings, logger.served]).toEqual([[], ['/metrics']]);
    }
  });
});

describe.each(PLATFORM_NAMES)('middleware that is bound with a method on %s', (platform) => {
  const next = (_request: unknown, _response: unknown, go: () => void) => go();

  it.each([
    ['{*path}', RequestMethod.ALL],
    ['*', RequestMethod.ALL],
    ['*', RequestMethod.GET],
    ['metrics', RequestMethod.GET],
    ['metrics', RequestMethod.ALL],
  ])('is no news: %s, %i', async (path, method) => {
    @Module({})
    class MiddlewareModule implements NestModule {
      configure(consumer: MiddlewareConsumer) {
        consumer.apply(next).forRoutes({ path, method });
        consumer.apply(next).forRoutes(MetricsController);
      }
    }
    const { serves, warnings, logger } = await starter(platform)({}, { imports: [MiddlewareModule] });
    expect(await serves()).toBe(true);
    expect([warnings, logger.served]).toEqual([[], ['/metrics']]);
  });
});

describe('a catch-all route on Express', () => {
  const start = starter('Express');

  class OrdinaryController {
    @Get()
    find() {
      return 'theirs';
    }
  }

  @Controller()
  class SinglePageController {
    @Get('{*splat}')
    page() {
      return '<html>';
    }
  }
  const shadowed = (path: string, pattern: string) =>
    `warn GET ${path} is answered by the route ${pattern}, which comes first: the metrics are not served there. ` +
    'Give them a port of their own with the option port, or set the option path to false, extend MetricsController ' +
    "and put the subclass first among the root module's controllers.";

  it('of the root module is named, with the ways out', async () => {
    const { get, warnings, logger } = await start({}, { controllers: [SinglePageController] });
    expect(await get()).toBe('<html>');
    expect(warnings).toEqual([shadowed('/metrics', '/{*splat}')]);
    expect(logger.served).toEqual([]);
  });

  it('first way out: a port of its own', async () => {
    const { logger } = await start({ port: 0 }, { controllers: [SinglePageController] });
    const url = logger.lines.map((line) => /Metrics are served on (\S+)$/.exec(line)?.[1]).find(Boolean);
    const response = await fetch(String(url));
    expect(readingsOf(await response.text(), 'default')).toMatchObject(READ);
  });

  it("second way out: the subclass first among the root module's controllers", async () => {
    @Controller('metrics')
    class FirstController extends MetricsController {}
    const { serves, get, warnings } = await start(
      { path: false },
      { controllers: [FirstController, SinglePageController] },
    );
    expect([await serves(), await get('/page')]).toEqual([true, '<html>']);
    expect(warnings).toEqual([]);
  });

  it('is found as well where another route of ours comes before it', async () => {
    @Controller('internal/metrics')
    class InternalController extends MetricsController {}
    const { get, warnings } = await start({}, { controllers: [InternalController, SinglePageController] });
    expect(await get()).toBe('<html>');
    expect(warnings).toEqual([shadowed('/metrics', '/{*splat}')]);
  });

  it('is named rather than another controller of the path, which it takes the requests from as well', async () => {
    @Controller('metrics')
    class OtherController extends OrdinaryController {}
    @Module({ controllers: [OtherController] })
    class OtherModule {}
    const { get, warnings } = await start(
      {},
      { imports: [OtherModule], controllers: [SinglePageController] },
    );
    expect(await get()).toBe('<html>');
    expect(warnings).toEqual([shadowed('/metrics', '/{*splat}')]);
  });

  it('is found behind middleware that is bound with a method', async () => {
    @Controller()
    class AllController {
      @All('{*splat}')
      page() {
        return '<html>';
      }
    }
    @Module({})
    class MiddlewareModule implements NestModule {
      configure(consumer: MiddlewareConsumer) {
        const next = (_request: unknown, _response: unknown, go: () => void) => go();
        consumer.apply(next).forRoutes({ path: '*path', method: RequestMethod.ALL });
      }
    }
    const { get, warnings } = await start({}, { imports: [MiddlewareModule], controllers: [AllController] });
    expect(await get()).toBe('<html>');
    expect(warnings).toEqual([shadowed('/metrics', '/{*splat}')]);
  });

  it('is found behind a global prefix', async () => {
    const { warnings } = await start({}, { controllers: [SinglePageController] }, (app) =>
      app.setGlobalPrefix('api'),
    );
    expect(warnings).toEqual([shadowed('/api/metrics', '/api/{*splat}')]);
  });

  it('is no news where it does not reach the path', async () => {
    const { serves, warnings } = await start({}, { controllers: [SinglePageController] }, (app) =>
      app.setGlobalPrefix('api', { exclude: ['metrics'] }),
    );
    expect(await serves()).toBe(true);
    expect(warnings).toEqual([]);
  });

  it.each(['get', 'all'] as const)('of the Express instance is found as well: %s', async (method) => {
    const { get, warnings } = await start({}, {}, (app) => {
      instanceOf(app)[method]('/{*any}', (_request, response) => void response.send('<html>'));
    });
    expect(await get()).toBe('<html>');
    expect(warnings).toEqual([shadowed('/metrics', '/{*any}')]);
  });

  describe('of the Express instance that takes `next`', () => {
    const unsure = (path: string, pattern: string) =>
      `${path}, if the route ${pattern} passes requests on. A warning follows if it does not.`;
    const paths = { statusPath: '/status', readiness: { path: '/readyz' } };

    it.each(['/{*any}', '/:page'])('is no news if it is middleware (%s)', async (pattern) => {
      const { get, serves, logger } = await start(paths, {}, (app) => {
        instanceOf(app).all(pattern, (_request, _response, next) => (next as () => void)());
      });
      expect(await serves()).toBe(true);
      expect(await get('/readyz')).toContain('"status":"down"');
      expect(await get('/status')).toContain('"unapplied"');
      expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
      expect(logger.served).toEqual([unsure('/metrics', pattern)]);
      expect(logger.lines).toEqual(
        expect.arrayContaining([
          `log Readiness is served at ${unsure('/readyz', pattern)}`,
          `log The status page is served at ${unsure('/status', pattern)}`,
        ]),
      );
    });

    it('is named when it has answered a page, once for each', async () => {
      const { get, fetch, logger } = await start(paths, {}, (app) => {
        instanceOf(app).get('/{*any}', (_request, response, _next) => void response.send('<html>'));
      });
      await fetch('/metrics', { method: 'HEAD' });
      await fetch('/other');
      expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
      expect(await get()).toBe('<html>');
      await expectWarning(logger, shadowed('/metrics', '/{*any}'));
      await get();
      for (const path of ['/readyz', '/status']) {
        await get(path);
        await expect
          .poll(() => logger.lines.at(-1))
          .toContain(`warn GET ${path} is answered by the route /{*any}, which comes first: `);
      }
      expect(logger.lines.filter((line) => line.startsWith('warn'))).toHaveLength(3);
    });
  });

  it('of a module that comes later is no news', async () => {
    @Module({ controllers: [SinglePageController] })
    class LateModule {}
    const { serves, warnings } = await start({}, { imports: [LateModule] });
    expect(await serves()).toBe(true);
    expect(warnings).toEqual([]);
  });

  it('for another host or version is no news', async () => {
    @Controller({ host: 'admin.example.com' })
    class HostController extends SinglePageController {}
    @Controller({ version: '2' })
    class VersionedController extends SinglePageController {}
    const { serves, warnings } = await start(
      {},
      { controllers: [HostController, VersionedController] },
      (app) => app.enableVersioning({ type: VersioningType.HEADER, header: 'X-Version' }),
    );
    expect(await serves()).toBe(true);
    expect(warnings).toEqual([]);
  });
});

it('a catch-all route on Fastify takes nothing away: the most specific route wins', async () => {
  @Controller()
  class SinglePageController {
    @Get('*')
    page() {
      return '<html>';
    }
  }
  const { serves, get, warnings } = await starter('Fastify')({}, { controllers: [SinglePageController] });
  expect([await serves(), await serves('/metrics/'), await get('/page')]).toEqual([true, true, '<html>']);
  expect(warnings).toEqual([]);
});

describe.each(PLATFORM_NAMES)('path on %s', (platform) => {
  const start = starter(platform);

  it.each(['/metrics', '/metrics/'])('%s answers with and without a slash at the end', async (path) => {
    const { fetch: request, serves, logger } = await start({ path, port: 0 });
    expect([await serves('/metrics'), await serves('/metrics/'), await serves('/metrics/?a=b')]).toEqual([
      true,
      true,
      true,
    ]);
    const heads = ['/metrics', '/metrics/'].map((at) => request(at, { method: 'HEAD' }));
    expect((await Promise.all(heads)).map(({ status }) => status)).toEqual([200, 200]);
    expect(logger.served).toEqual(['/metrics']);

    const url =
      logger.lines.map((line) => /Metrics are served on (\S+)$/.exec(line)?.[1]).find(Boolean) ?? '';
    const origin = new URL(url).origin;
    const own = ['/metrics', '/metrics/'].map(async (at) => (await fetch(origin + at)).status);
    expect(await Promise.all(own)).toEqual([200, 200]);
  });

  it.each(['/metrics', '/metrics/'])(
    '%s does so behind a global prefix, which the log tells',
    async (path) => {
      const { serves, logger } = await start({ path }, {}, (app) => app.setGlobalPrefix('/api/'));
      expect([await serves('/api/metrics'), await serves('/api/metrics/'), await serves('/metrics')]).toEqual(
        [true, true, false],
      );
      expect(logger.served).toEqual(['/api/metrics']);
    },
  );

  it('excluded from the prefix, the log tells so', async () => {
    const { serves, logger } = await start({}, {}, (app) =>
      app.setGlobalPrefix('api', { exclude: ['metrics'] }),
    );
    expect([await serves('/metrics'), await serves('/metrics/')]).toEqual([true, true]);
    expect(logger.served).toEqual(['/metrics']);
  });

  it('a subclass with a path of its own answers alike, too', async () => {
    @Controller('internal/metrics')
    class InternalController extends MetricsController {}
    const { serves } = await start({ path: false }, { controllers: [InternalController] });
    expect([await serves('/internal/metrics'), await serves('/internal/metrics/')]).toEqual([true, true]);
  });

  it('nothing is served at / by accident', async () => {
    const { fetch } = await start({ path: false });
    expect((await fetch('/')).status).toBe(404);
  });
});

describe('path', () => {
  it.each([
    'metrics',
    '/a b',
    '/a?b',
    '/a#b',
    '/:id',
    '/{*all}',
    '/a*',
    '',
    '//metrics',
    '/a//b',
    '/a\n',
    '/a%20b',
    '/../a',
    '/a/..',
    '/.',
  ])('refuses %j', (path) => {
    expect(() => PrometheusMigrationsModule.forRoot({ path })).toThrow(
      `path is ${JSON.stringify(path)}. Begin it with a slash, as in '/metrics'`,
    );
  });

  it.each(['/', '/a', '/a/', '/a.b/-_~@', '/.well-known/metrics', '/..a/b..'])('takes %j', (path) => {
    expect(() => PrometheusMigrationsModule.forRoot({ path })).not.toThrow();
  });
});
