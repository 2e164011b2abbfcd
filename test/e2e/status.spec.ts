import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  type INestApplication,
  Injectable,
  type ModuleMetadata,
  UseGuards,
  ValidationPipe,
  VersioningType,
} from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { createHash } from 'node:crypto';
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterEach, describe, expect, inject, it } from 'vitest';
import {
  MigrationsStatusController,
  PrometheusMigrationsModule,
  type PrometheusMigrationsModuleOptions,
} from '../../lib';
import { WrapInterceptor } from '../support/application-parts';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { createPostgres, uniqueName } from '../support/databases';
import { samples } from '../support/exposition';
import { urlIn } from '../support/logs';
import { defineMigration, defineMigrations, FIRST_TIMESTAMP } from '../support/migrations';
import { PLATFORMS } from '../support/platforms';
import { parseReport } from '../support/report-schema';

const STATUS = '/internal/migrations';
/** What a browser asks for a page with. */
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8';

const PLACES = ['Express', 'Fastify', 'its own port'] as const;
type Place = (typeof PLACES)[number];

interface StartOptions {
  readonly metadata?: ModuleMetadata;
  readonly options?: PrometheusMigrationsModuleOptions;
  readonly configure?: (app: INestApplication) => unknown;
}

@Injectable()
class StaffGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
    return headers['authorization'] === 'Bearer staff';
  }
}

@Controller('internal/status')
@UseGuards(StaffGuard)
class GuardedStatusController extends MigrationsStatusController {}

afterEach(closeApplications);

/** Starts an application with 42 of 45 migrations applied; answers come from the place. */
async function startAt(place: Place, { metadata = {}, options, configure }: StartOptions = {}) {
  const application = await startApplication(
    {
      imports: metadata.imports ?? [
        sqliteModule(defineMigrations(45), { applied: 42 }),
        PrometheusMigrationsModule.forRoot({
          registry: new Registry(),
          statusPath: STATUS,
          ...(place === 'its own port' && { port: 0 }),
          ...options,
        }),
      ],
      controllers: metadata.controllers ?? [],
    },
    configure,
    PLATFORMS[place === 'Fastify' ? 'Fastify' : 'Express'],
  );
  const base = place === 'its own port' ? urlIn(application.logger) : await application.app.getUrl();
  const request = (path = STATUS, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(new URL(path, base), { headers, method });
  return { ...application, url: new URL(STATUS, base), request };
}

describe.each(PLACES)('the status page on %s', (place) => {
  it.each(['application/json', '*/*', 'application/json, text/html;q=0.5'])(
    'answers with the report to Accept: %s',
    async (accept) => {
      const { request } = await startAt(place);

      const response = await request(STATUS, { accept });

      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
      const report = parseReport(await response.text());
      expect(report).toMatchObject({ status: 'unapplied', ok: false });
      expect(report.connections).toMatchObject([
        {
          connection: 'default',
          database: 'better-sqlite3',
          failedOn: ['unapplied'],
          defined: 45,
          applied: 42,
          unapplied: [42, 43, 44].map((step) => `Step${FIRST_TIMESTAMP + step}`),
          unknown: [],
          outOfOrder: [],
        },
      ]);
    },
  );

  it('answers with the report where there is no Accept', async () => {
    const { url } = await startAt(place);

    // fetch() always sends one.
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(url, { agent: false }, resolve).once('error', reject);
    });

    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(parseReport(await text(response))).toMatchObject({ status: 'unapplied' });
  });

  it('answers with a page to a browser', async () => {
    const { request } = await startAt(place);

    const response = await request(STATUS, { accept: BROWSER });

    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const page = await response.text();
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).toContain(`Step${FIRST_TIMESTAMP + 44}`);
  });

  it('forbids the browser everything but the style of the page itself', async () => {
    const { request } = await startAt(place);

    const response = await request(STATUS, { accept: BROWSER });

    const policy = response.headers.get('content-security-policy') ?? '';
    const style = /<style>([^]*?)<\/style>/.exec(await response.text())?.[1] ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`);
    expect(policy).not.toContain('unsafe-inline');
    expect(response.headers.get('referrer-policy')).toBe('no-referrer');
  });

  it.each(['application/json', BROWSER])('is never stored, sniffed or mixed up (%s)', async (accept) => {
    const { request } = await startAt(place);

    const { headers } = await request(STATUS, { accept });

    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('vary')).toMatch(/\bAccept\b/);
  });

  it.each(['application/json', BROWSER])('answers HEAD as GET, without a body (%s)', async (accept) => {
    const { request } = await startAt(place);

    const [head, full] = [
      await request(STATUS, { accept }, 'HEAD'),
      await request(STATUS, { accept }, 'GET'),
    ];

    expect([head.status, await head.text()]).toEqual([200, '']);
    for (const name of ['content-type', 'cache-control', 'vary', 'content-security-policy']) {
      expect(head.headers.get(name), name).toBe(full.headers.get(name));
    }
  });

  it('is not there by default', async () => {
    const { request } = await startAt(place, { options: { statusPath: undefined } });

    expect((await request()).status).toBe(404);
    expect((await request('/metrics')).status).toBe(200);
  });

  it('reads, though exportMigrations is false', async () => {
    const { request } = await startAt(place, { options: { exportMigrations: false } });

    const report = parseReport(await (await request()).text());
    const metrics = await (await request('/metrics')).text();

    expect(report.connections).toMatchObject([{ applied: 42, unapplied: { length: 3 } }]);
    expect([...samples(metrics).keys()]).toEqual([]);
  });

  it('judges by the policy of readiness', async () => {
    const { request } = await startAt(place, { options: { readiness: { allowUnapplied: 3 } } });

    const report = parseReport(await (await request()).text());

    expect(report).toMatchObject({ status: 'unapplied', ok: true, connections: [{ failedOn: [] }] });
  });

  it('tells of an application without a DataSource', async () => {
    const { request } = await startAt(place, {
      metadata: {
        imports: [
          PrometheusMigrationsModule.forRoot({
            registry: new Registry(),
            statusPath: STATUS,
            ...(place === 'its own port' && { port: 0 }),
          }),
        ],
      },
    });

    const report = parseReport(await (await request()).text());

    expect(report).toMatchObject({ status: 'up-to-date', ok: true, connections: [] });
    expect((await request(STATUS, { accept: BROWSER })).status).toBe(200);
  });

  it('carries 1,000 names of each kind', async () => {
    const defined = Array.from({ length: 1_000 }, (_, index) =>
      defineMigration(`Defined${FIRST_TIMESTAMP + index}`),
    );
    const unknown = defineMigrations(1_000, FIRST_TIMESTAMP + 1_000);
    const { app, request } = await startAt(place, {
      metadata: {
        imports: [
          sqliteModule(unknown, { applied: 1_000 }),
          PrometheusMigrationsModule.forRoot({
            registry: new Registry(),
            statusPath: STATUS,
            maxAge: 0,
            ...(place === 'its own port' && { port: 0 }),
          }),
        ],
      },
    });
    Object.assign(app.get(DataSource), { migrations: defined.map((migration) => new migration()) });

    const report = parseReport(await (await request()).text());
    const page = await (await request(STATUS, { accept: BROWSER })).text();

    expect(report.connections).toMatchObject([
      { unapplied: { length: 1_000 }, unknown: { length: 1_000 }, outOfOrder: { length: 1_000 } },
    ]);
    expect(page.match(/<li\b/g)).toHaveLength(3_000);
  });

  describe.skipIf(inject('postgresUrl') === undefined)('of a PostgreSQL that fails', () => {
    it('shows names, and no word of the driver', async () => {
      const postgres = await createPostgres();
      const role = uniqueName('nobody');
      const url = new URL(postgres.as(role, 'hunter2'));
      await postgres.run(`CREATE ROLE ${role} LOGIN PASSWORD 'hunter2'`);
      try {
        await postgres.run('CREATE TABLE migrations (id serial, timestamp bigint, name varchar)');
        const { request } = await startAt(place, {
          metadata: {
            imports: [
              TypeOrmModule.forRoot({
                name: 'orders',
                type: 'postgres',
                url: url.href,
                migrations: defineMigrations(3),
              }),
              sqliteModule(defineMigrations(2), { name: 'cache', applied: 1 }),
              PrometheusMigrationsModule.forRoot({
                registry: new Registry(),
                statusPath: STATUS,
                ...(place === 'its own port' && { port: 0 }),
              }),
            ],
          },
        });

        const json = await (await request()).text();
        const page = await (await request(STATUS, { accept: BROWSER })).text();

        expect(parseReport(json)).toMatchObject({
          status: 'unreadable',
          ok: false,
          connections: [
            {
              connection: 'orders',
              database: 'postgres',
              failedOn: ['unreadable'],
              reason: 'denied',
              // The code knows it.
              defined: 3,
              unapplied: null,
              lastSuccessAt: null,
            },
            { connection: 'cache', unapplied: [`Step${FIRST_TIMESTAMP + 1}`] },
          ],
        });
        const secrets = [role, 'hunter2', postgres.name, url.hostname, `:${url.port || 5432}`];
        for (const body of [json, page]) {
          expect(body).toContain('orders');
          expect(body).toContain('denied');
          expect(body).toContain(`Step${FIRST_TIMESTAMP + 1}`);
          for (const secret of secrets) expect(body).not.toContain(secret);
          expect(body).not.toMatch(/permission|relation|42501/i);
        }
        // The page advises to grant SELECT.
        expect(json).not.toMatch(/select/i);
      } finally {
        await closeApplications();
        await postgres.run(`DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
        await postgres.drop();
      }
    });
  });
});

describe.each(['Express', 'Fastify'] as const)('the status page in an application on %s', (platform) => {
  it('survives a global interceptor that wraps bodies, and a strict pipe', async () => {
    const { request } = await startAt(platform, {
      configure: (app) => {
        app.useGlobalInterceptors(new WrapInterceptor());
        app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true }));
      },
    });

    const json = await request(`${STATUS}?verbose=1`);
    const page = await request(STATUS, { accept: BROWSER });

    expect(parseReport(await json.text())).toMatchObject({ status: 'unapplied' });
    expect(json.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await page.text()).toMatch(/^<!doctype html>/);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('is moved by a global prefix, and not by versioning', async () => {
    const { request } = await startAt(platform, {
      configure: (app) => {
        app.setGlobalPrefix('api');
        app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
      },
    });

    const statuses = [];
    for (const path of [`/api${STATUS}`, `/api${STATUS}/`, STATUS, `/api/v1${STATUS}`]) {
      statuses.push((await request(path)).status);
    }

    expect(statuses).toEqual([200, 200, 404, 404]);
  });

  it('takes a guard and a route of its own by a subclass of MigrationsStatusController', async () => {
    const { request } = await startAt(platform, {
      metadata: { controllers: [GuardedStatusController] },
      options: { statusPath: undefined },
      configure: (app) => app.useGlobalInterceptors(new WrapInterceptor()),
    });
    const staff = { authorization: 'Bearer staff' };

    const json = await request('/internal/status', staff);
    const page = await request('/internal/status', { ...staff, accept: BROWSER });

    expect((await request('/internal/status')).status).toBe(403);
    expect(parseReport(await json.text())).toMatchObject({ status: 'unapplied' });
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect((await request(STATUS)).status).toBe(404);
  });
});

describe("a status page on the application's port and on its own", () => {
  it('is not moved by a global prefix there, and is listed in the index', async () => {
    const { request } = await startAt('its own port', {
      configure: (app) => app.setGlobalPrefix('api'),
    });

    expect((await request()).status).toBe(200);
    expect((await request(`/api${STATUS}`)).status).toBe(404);
    expect(await (await request('/')).text()).toContain(`<a href="${STATUS}">`);
  });
});
