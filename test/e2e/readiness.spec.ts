import { Controller, Get, type INestApplication, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { PrometheusMigrationsModule, type PrometheusMigrationsModuleOptions } from '../../lib';
import { OrdersController, WrapInterceptor } from '../support/application-parts';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { freePort } from '../support/free-port';
import { RecordingLogger } from '../support/logs';
import { defineMigrations } from '../support/migrations';
import { PLATFORM_NAMES, PLATFORMS } from '../support/platforms';

const migrations = defineMigrations(3);
const JSON_TYPE = 'application/json; charset=utf-8';

const READY = {
  migrations: {
    status: 'up',
    connections: { default: { status: 'up-to-date', applied: 3, unapplied: 0, unknown: 0, outOfOrder: 0 } },
  },
};
const NOT_READY = {
  migrations: {
    status: 'down',
    connections: { default: { status: 'unapplied', applied: 1, unapplied: 2, unknown: 0, outOfOrder: 0 } },
  },
};

const readiness = { path: '/readyz', once: true } as const;

afterEach(closeApplications);

/** What a probe sees. */
async function seen(response: Response): Promise<unknown[]> {
  const { status, headers } = response;
  return [status, headers.get('content-type'), headers.get('cache-control'), await response.json()];
}

const ready = [200, JSON_TYPE, 'no-store', READY];
const notReady = [503, JSON_TYPE, 'no-store', NOT_READY];

describe.each(PLATFORM_NAMES)('/readyz on %s', (platform) => {
  function start(
    {
      applied = 1,
      controllers = [],
      options = {},
    }: { applied?: number; controllers?: Type[]; options?: PrometheusMigrationsModuleOptions } = {},
    configure?: (app: INestApplication) => unknown,
  ) {
    return startApplication(
      {
        imports: [
          sqliteModule(migrations, { applied }),
          PrometheusMigrationsModule.forRoot({ registry: new Registry(), maxAge: 0, readiness, ...options }),
        ],
        controllers: [OrdersController, ...controllers],
      },
      configure,
      PLATFORMS[platform],
    );
  }

  it('answers 503 until all is applied, and 200 from then on', async () => {
    const { app, fetch } = await start();
    const dataSource = app.get<DataSource>(getDataSourceToken());
    expect(await seen(await fetch('/readyz'))).toEqual(notReady);
    await dataSource.runMigrations();
    expect(await seen(await fetch('/readyz'))).toEqual(ready);
    await dataSource.undoLastMigration();
    expect(await seen(await fetch('/readyz'))).toEqual(ready);
  });

  it('answers HEAD alike, without a body', async () => {
    const { app, fetch } = await start();
    const head = async () => {
      const response = await fetch('/readyz', { method: 'HEAD' });
      return [response.status, response.headers.get('cache-control'), await response.text()];
    };
    expect(await head()).toEqual([503, 'no-store', '']);
    await app.get<DataSource>(getDataSourceToken()).runMigrations();
    expect(await head()).toEqual([200, 'no-store', '']);
  });

  it('is not wrapped by a global interceptor, whether ready or not', async () => {
    const wrap = (app: INestApplication) => app.useGlobalInterceptors(new WrapInterceptor());
    const { fetch, get } = await start({}, wrap);
    expect(await get('/orders')).toBe('{"data":[]}');
    expect(await seen(await fetch('/readyz'))).toEqual(notReady);
    await closeApplications();
    expect(await seen(await (await start({ applied: 3 }, wrap)).fetch('/readyz'))).toEqual(ready);
  });

  it('is moved by a global prefix', async () => {
    const { fetch } = await start({}, (app) => app.setGlobalPrefix('api'));
    expect(await seen(await fetch('/api/readyz'))).toEqual(notReady);
    expect((await fetch('/readyz')).status).toBe(404);
  });

  it("tells neither a migration's name nor a word of the driver", async () => {
    const { app, get } = await start();
    expect(await get('/readyz')).not.toContain('Step');
    const dataSource = app.get<DataSource>(getDataSourceToken());
    await dataSource.query('ALTER TABLE migrations RENAME COLUMN name TO secret_column');
    expect(JSON.parse(await get('/readyz'))).toEqual({
      migrations: {
        status: 'down',
        connections: { default: { status: 'unreadable', reason: 'invalid_migrations' } },
      },
    });
  });

  it('leaves the path to a controller that has it, and says so', async () => {
    @Controller('readyz')
    class OwnReadiness {
      @Get()
      ready() {
        return { own: true };
      }
    }
    const { get, logger } = await start({ controllers: [OwnReadiness] });
    expect(JSON.parse(await get('/readyz'))).toEqual({ own: true });
    expect(logger.lines).toContain(
      'warn GET /readyz is served by OwnReadiness already: it keeps the route. Set the path of the option readiness to another.',
    );
  });

  it('is not there without a path', async () => {
    const { fetch } = await start({ options: { readiness: { once: true } } });
    expect((await fetch('/readyz')).status).toBe(404);
  });

  it('works without exporting, and then exports nothing', async () => {
    const { fetch, get } = await start({ applied: 3, options: { exportMigrations: false } });
    expect(await seen(await fetch('/readyz'))).toEqual(ready);
    expect(await get('/metrics')).not.toContain('migrations');
  });

  it('is served on the own port as well', async () => {
    const port = await freePort();
    const { fetch: inApplication } = await start({ options: { port } });
    expect(await seen(await inApplication('/readyz'))).toEqual(notReady);
    expect(await seen(await fetch(`http://127.0.0.1:${port}/readyz`))).toEqual(notReady);
  });
});

describe('/readyz on the own port of an application without HTTP', () => {
  async function startContext(options: PrometheusMigrationsModuleOptions) {
    const port = await freePort();
    @Module({
      imports: [
        sqliteModule(migrations, { applied: 1 }),
        PrometheusMigrationsModule.forRoot({
          registry: new Registry(),
          maxAge: 0,
          port,
          readiness,
          ...options,
        }),
      ],
    })
    class WorkerModule {}
    const logger = new RecordingLogger();
    const context = await NestFactory.createApplicationContext(WorkerModule, { logger });
    contexts.push(context);
    return {
      logger,
      origin: `http://127.0.0.1:${port}`,
      dataSource: context.get<DataSource>(getDataSourceToken()),
      probe: (init?: RequestInit) => fetch(`http://127.0.0.1:${port}/readyz`, init),
    };
  }
  const contexts: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
  });

  it('logs the address of each page', async () => {
    const { logger, origin } = await startContext({ statusPath: '/status' });
    expect(logger.lines.filter((line) => line.includes('served'))).toEqual([
      `log Metrics are served on ${origin}/metrics`,
      `log Readiness is served on ${origin}/readyz`,
      `log The status page is served on ${origin}/status`,
    ]);
  });

  it('answers 503 until all is applied, and 200 from then on', async () => {
    const { dataSource, probe } = await startContext({});
    expect(await seen(await probe())).toEqual(notReady);
    const head = await probe({ method: 'HEAD' });
    expect([head.status, head.headers.get('cache-control'), await head.text()]).toEqual([
      503,
      'no-store',
      '',
    ]);
    await dataSource.runMigrations();
    expect(await seen(await probe())).toEqual(ready);
    await dataSource.undoLastMigration();
    expect(await seen(await probe())).toEqual(ready);
  });

  it('logs which connection the policy misspells, and answers 503 with its name', async () => {
    const { logger, probe } = await startContext({ readiness: { ...readiness, connections: ['defautl'] } });
    const response = await probe();
    expect([response.status, await response.json()]).toEqual([
      503,
      {
        migrations: {
          status: 'down',
          connections: { defautl: { status: 'unreadable', reason: 'missing' } },
        },
      },
    ]);
    expect(logger.lines.join('\n')).toContain(
      'connections names "defautl", but there is no such connection (yet). ' +
        'It is down until there is one. Known connections: "default".',
    );
  });
});
