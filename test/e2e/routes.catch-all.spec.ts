import {
  All,
  Controller,
  Get,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  RequestMethod,
  VersioningType,
} from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import { MetricsController } from '../../lib';
import { closeApplications } from '../support/applications';
import { readingsOf } from '../support/exposition';
import { urlIn } from '../support/logs';
import { PLATFORM_NAMES } from '../support/platforms';
import { expectWarning, instanceOf, READ, starter } from '../support/routes';

afterEach(closeApplications);

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
    const response = await fetch(urlIn(logger));
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
