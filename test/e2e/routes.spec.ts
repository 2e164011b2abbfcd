import {
  All,
  Controller,
  Get,
  type INestApplication,
  Module,
  type ModuleMetadata,
  type Type,
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
  PrometheusMigrationsModule,
  type PrometheusMigrationsModuleOptions,
} from '../../lib';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { readingsOf } from '../support/exposition';
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

type Handler = (request: unknown, response: { send(text: string): unknown }) => void;

/** The application of Express or Fastify itself. */
function instanceOf(app: INestApplication) {
  return app.getHttpAdapter().getInstance() as Record<
    'get' | 'all',
    (path: string, handler: Handler) => void
  >;
}

const taken = (path: string, name: string) =>
  `warn GET ${path} is served by ${name} already: it keeps the route. ` +
  'If it serves the same registry, set the option path to false; otherwise set path to another.';

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
    const { get, warnings } = await start({}, { controllers: [controller] });
    expect(await get()).toBe(answer);
    expect(warnings).toEqual([taken('/metrics', controller.name)]);
  });

  it('is left to it behind a global prefix, and one that is excluded from it', async () => {
    const prefixed = await start({}, { controllers: [OnController] }, (app) => app.setGlobalPrefix('api'));
    expect(await prefixed.get('/api/metrics')).toBe(answer);
    expect(prefixed.warnings).toEqual([taken('/api/metrics', 'OnController')]);

    const excluded = await start({ path: '/api/metrics' }, { controllers: [OnController] }, (app) =>
      app.setGlobalPrefix('api', { exclude: ['api/metrics'] }),
    );
    expect(await excluded.get('/api/metrics')).toBe(answer);
    expect(excluded.warnings).toEqual([taken('/api/metrics', 'OnController')]);
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
    const { get, warnings } = await start(
      {},
      { imports: [RoutedModule, RouterModule.register([{ path: 'metrics', module: RoutedModule }])] },
    );
    expect(await get()).toBe(answer);
    expect(warnings).toEqual([taken('/metrics', 'RoutedController')]);
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
    const { fetch, warnings } = await start(
      {},
      { imports: [PrometheusMigrationsModule.forRoot({ registry: new Registry(), prefix: 'django' })] },
    );
    expect((await fetch()).status).toBe(200);
    expect(warnings).toEqual([taken('/metrics', 'MetricsController')]);
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
      expect(warnings).toEqual([expect.stringMatching(/^warn GET \/metrics is (served|answered) by .*/)]);
      expect(logger.served).toEqual([]);
    } else {
      expect([warnings, logger.served]).toEqual([[], ['/metrics']]);
    }
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
