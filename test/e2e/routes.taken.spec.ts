import {
  All,
  Controller,
  Get,
  Module,
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
import { MigrationsExporter, PrometheusMigrationsModule } from '../../lib';
import { closeApplications } from '../support/applications';
import { readingsOf } from '../support/exposition';
import { PLATFORM_NAMES } from '../support/platforms';
import { expectWarning, instanceOf, READ, starter } from '../support/routes';

afterEach(async () => {
  await closeApplications();
  // What @willsoto/nestjs-prometheus leaves behind.
  register.clear();
});

const taken = (path: string, name: string) =>
  `log GET ${path} is served by ${name}, which keeps the route. ` +
  'A warning follows if its first answer is without these metrics.';

const missing = (path: string, name: string) =>
  `warn GET ${path} was answered by ${name} without these metrics. ` +
  'Set the option path to another, or the option registry to the one that is served there.';

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
