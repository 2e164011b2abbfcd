import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import { Gauge, Registry } from 'prom-client';
import { type Observable, of, tap } from 'rxjs';
import type { DataSource } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import {
  MetricsController,
  MigrationsStatusController,
  PrometheusMigrationsModule,
  type PrometheusMigrationsModuleOptions,
} from '../../lib';
import { WrapInterceptor } from '../support/application-parts';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { readingsOf } from '../support/exposition';
import { urlIn } from '../support/logs';
import { defineMigrations } from '../support/migrations';
import { PLATFORM_NAMES, PLATFORMS } from '../support/platforms';

/** Answers from a cache what the route has answered before, as hand-written interceptors do. */
class CachingInterceptor implements NestInterceptor {
  private readonly cache = new Map<string, unknown>();

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { url } = context.switchToHttp().getRequest<{ url: string }>();
    if (this.cache.has(url)) return of(this.cache.get(url));
    return next.handle().pipe(tap((value) => this.cache.set(url, value)));
  }
}

@Controller('own/metrics')
class OwnMetricsController extends MetricsController {}
@Controller('own/status')
class OwnStatusController extends MigrationsStatusController {}

const PATHS = ['/metrics', '/readyz', '/status', '/own/metrics', '/own/status'];

afterEach(closeApplications);

/** One whose metrics cannot be collected. */
function brokenRegistry(): Registry {
  const registry = new Registry();
  new Gauge({
    name: 'broken',
    help: 'help',
    registers: [registry],
    collect() {
      throw new Error('broken');
    },
  });
  return registry;
}

describe.each(PLATFORM_NAMES)('caches on %s', (platform) => {
  async function start(
    configure: (app: INestApplication) => unknown = () => {},
    options: PrometheusMigrationsModuleOptions = {},
    controllers: Type[] = [OwnMetricsController, OwnStatusController],
  ) {
    const application = await startApplication(
      {
        imports: [
          sqliteModule(defineMigrations(2), { applied: 1 }),
          PrometheusMigrationsModule.forRoot({
            registry: new Registry(),
            maxAge: 0,
            readiness: { path: '/readyz' },
            statusPath: '/status',
            ...options,
          }),
        ],
        controllers,
      },
      configure,
      PLATFORMS[platform],
    );
    return { ...application, dataSource: application.app.get<DataSource>(getDataSourceToken()) };
  }

  it.each([
    ['alone', [new CachingInterceptor()]],
    ['before one that wraps', [new CachingInterceptor(), new WrapInterceptor()]],
    ['after one that wraps', [new WrapInterceptor(), new CachingInterceptor()]],
  ])('of an interceptor hold no page: %s', async (_order, interceptors) => {
    const { fetch, dataSource } = await start((app) => app.useGlobalInterceptors(...interceptors));
    const seen = async () => {
      const [metrics, ready, status, ownMetrics, ownStatus] = await Promise.all(
        PATHS.map(async (path) => {
          const response = await fetch(path);
          return { status: response.status, text: await response.text() };
        }),
      );
      return [
        readingsOf(metrics?.text ?? '', 'default')['unapplied_total'],
        [
          ready?.status,
          (JSON.parse(ready?.text ?? '') as { migrations: { status: string } }).migrations.status,
        ],
        (JSON.parse(status?.text ?? '') as { status: string }).status,
        readingsOf(ownMetrics?.text ?? '', 'default')['unapplied_total'],
        (JSON.parse(ownStatus?.text ?? '') as { status: string }).status,
      ];
    };
    const pending = [1, [503, 'down'], 'unapplied', 1, 'unapplied'];
    expect(await seen()).toEqual(pending);
    expect(await seen()).toEqual(pending);
    await dataSource.runMigrations();
    expect(await seen()).toEqual([0, [200, 'up'], 'up-to-date', 0, 'up-to-date']);
    await dataSource.undoLastMigration();
    expect(await seen()).toEqual(pending);
  });

  it.each(PATHS)('may keep nothing of %s, for GET and HEAD', async (path) => {
    const { fetch } = await start();
    for (const method of ['GET', 'HEAD']) {
      const response = await fetch(path, { method });
      expect([method, response.headers.get('cache-control')]).toEqual([method, 'no-store']);
    }
  });

  it.each(PATHS)('get a whole answer of %s to a conditional request', async (path) => {
    const { app, fetch } = await start((each) => {
      // As @fastify/etag and ETag middleware do.
      const instance: unknown = each.getHttpAdapter().getInstance();
      if (platform === 'Express') return;
      (instance as { addHook(name: 'onSend', hook: (...args: never[]) => void): void }).addHook(
        'onSend',
        (
          request: { headers: Record<string, unknown> },
          reply: { code(status: number): void },
          payload: unknown,
          done: (error: null, payload: unknown) => void,
        ) => {
          const matches = request.headers['if-none-match'] === '*';
          if (matches) reply.code(304);
          done(null, matches ? '' : payload);
        },
      );
    });
    const expected = path === '/readyz' ? 503 : 200;
    const response = await fetch(path, { headers: { 'if-none-match': '*' } });
    expect([response.status, (await response.text()).length > 20]).toEqual([expected, true]);
    await app.get<DataSource>(getDataSourceToken()).runMigrations();
    const later = await fetch(path, { headers: { 'if-none-match': '*' } });
    expect([later.status, (await later.text()).length > 20]).toEqual([200, true]);
  });

  it('may not keep an error either', async () => {
    const { fetch } = await start((app) => app.useLogger(false), {
      registry: brokenRegistry(),
      readiness: { path: '/readyz', connections: ['defautl'] },
    });
    for (const [path, status] of [
      ['/metrics', 500],
      ['/own/metrics', 500],
      ['/readyz', 503],
    ] as const) {
      const response = await fetch(path);
      expect([path, response.status, response.headers.get('cache-control')]).toEqual([
        path,
        status,
        'no-store',
      ]);
    }
  });

  it('an interceptor that answers an error for a page that is not made keeps its status', async () => {
    const { fetch } = await start((app) => app.useGlobalInterceptors(new CachingInterceptor()), {
      registry: brokenRegistry(),
    });
    for (let scrape = 0; scrape < 3; scrape += 1) expect((await fetch('/metrics')).status).toBe(500);
  });
});

describe('caches of the own port', () => {
  it.each(['/metrics', '/readyz', '/status', '/', '/nowhere'])('may keep nothing of %s', async (path) => {
    const { logger } = await startApplication({
      imports: [
        sqliteModule(defineMigrations(1)),
        PrometheusMigrationsModule.forRoot({
          registry: new Registry(),
          port: 0,
          readiness: { path: '/readyz' },
          statusPath: '/status',
        }),
      ],
    });
    for (const method of ['GET', 'HEAD', 'POST']) {
      const response = await fetch(new URL(path, urlIn(logger)), { method });
      expect([method, response.headers.get('cache-control')]).toEqual([method, 'no-store']);
    }
  });
});
