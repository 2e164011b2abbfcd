import { Controller } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import { MetricsController, PrometheusMigrationsModule } from '../../lib';
import { closeApplications } from '../support/applications';
import { urlIn } from '../support/logs';
import { PLATFORM_NAMES } from '../support/platforms';
import { starter } from '../support/routes';

afterEach(closeApplications);

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

    const { origin } = new URL(urlIn(logger));
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
