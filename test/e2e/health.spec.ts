import { Controller, Get, Inject, type Type } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  InvalidOptionError,
  MigrationsExporter,
  MigrationsHealthIndicator,
  PrometheusMigrationsModule,
  type PrometheusMigrationsModuleOptions,
} from '../../lib';
import type { Policy } from '../../lib/verdict/verdict';
import { DIALECTS } from '../faults/faults';
import { closeApplications, record, sqliteModule, startApplication } from '../support/applications';
import type { TestDatabase } from '../support/databases';
import { readingsOf } from '../support/exposition';
import { defineMigration, defineMigrations } from '../support/migrations';
import { StatementLog } from '../support/statements';
import { TcpProxy } from '../support/tcp-proxy';
import { QueryWatch } from '../support/waiting';

const migrations = defineMigrations(3);
const [OLDEST, , NEWEST] = migrations.map(({ name }) => name) as [string, string, string];
/** ms that an answer may take beyond `timeout` on a busy machine: the database would never answer. */
const MARGIN = 5000;

const UP_TO_DATE = { status: 'up-to-date', applied: 3, unapplied: 0, unknown: 0, outOfOrder: 0 };

/** A controller as a user writes it. */
function healthController(policy?: Policy): Type {
  @Controller('health')
  class HealthController {
    constructor(
      @Inject(HealthCheckService) private readonly health: HealthCheckService,
      @Inject(MigrationsHealthIndicator) private readonly migrations: MigrationsHealthIndicator,
    ) {}

    @Get()
    @HealthCheck()
    check() {
      return this.health.check([() => this.migrations.isUpToDate('migrations', policy)]);
    }
  }
  return HealthController;
}

/** An application with terminus; its other connections come first. */
async function startWith(
  typeorm: readonly ReturnType<typeof TypeOrmModule.forRoot>[],
  options: PrometheusMigrationsModuleOptions = {},
  policy?: Policy,
) {
  const { app, fetch, get, logger } = await startApplication({
    imports: [
      ...typeorm,
      PrometheusMigrationsModule.forRoot({ registry: new Registry(), ...options }),
      TerminusModule.forRoot({ logger: false }),
    ],
    controllers: [healthController(policy)],
  });
  return {
    app,
    fetch,
    get,
    logger,
    indicator: app.get(MigrationsHealthIndicator),
    /** The status of a probe, and what it tells of our key. */
    async probe() {
      const response = await fetch('/health');
      const { details } = (await response.json()) as { details?: { migrations?: unknown } };
      return [response.status, details?.migrations];
    },
  };
}

const up = (fields: object = {}) => [
  200,
  { status: 'up', connections: { default: { ...UP_TO_DATE, ...fields } } },
];
const down = (fields: object) => [503, { status: 'down', connections: { default: fields } }];

afterEach(closeApplications);

describe.each(DIALECTS.filter(({ available }) => available))('terminus beside $name', (dialect) => {
  let server: TestDatabase;
  let proxy: TcpProxy;

  beforeAll(async () => {
    server = await dialect.create();
    proxy = await TcpProxy.before(server.url, dialect.port);
  });
  afterAll(async () => {
    await proxy.close();
    await server.drop();
  });
  beforeEach(async () => {
    await server.run('DROP TABLE IF EXISTS migrations');
    const dataSource = await new DataSource({ type: dialect.type, url: server.url, migrations }).initialize();
    await record(dataSource, 3);
    await dataSource.destroy();
  });
  afterEach(() => proxy.set('none'));

  const revert = (name: string) => server.run(`DELETE FROM migrations WHERE name = '${name}'`);
  const apply = (name: string) =>
    server.run(`INSERT INTO migrations (timestamp, name) VALUES (${name.slice(-13)}, '${name}')`);

  async function start(options: PrometheusMigrationsModuleOptions = {}, policy?: Policy) {
    const log = new StatementLog();
    const typeorm = TypeOrmModule.forRoot({
      type: dialect.type,
      url: proxy.url(server.url),
      migrations,
      logger: log,
      logging: true,
    });
    const application = await startWith([typeorm], { maxAge: 0, ...options }, policy);
    log.take();
    return { ...application, log, dataSource: application.app.get<DataSource>(getDataSourceToken()) };
  }

  it('answers 200 while all is applied, and 503 while it is not, with counts', async () => {
    const { probe } = await start();
    expect(await probe()).toEqual(up());
    await revert(NEWEST);
    expect(await probe()).toEqual(
      down({ status: 'unapplied', applied: 2, unapplied: 1, unknown: 0, outOfOrder: 0 }),
    );
    await apply(NEWEST);
    expect(await probe()).toEqual(up());
  });

  it('answers 503 while the database is away, and 200 when it is back', async () => {
    const { probe } = await start();
    proxy.set('refuse');
    expect(await probe()).toEqual(down({ status: 'unreadable', reason: 'unreachable' }));
    proxy.set('none');
    await vi.waitFor(async () => expect(await probe()).toEqual(up()), { timeout: 5000, interval: 50 });
  });

  it('answers within the time-out while nothing comes back', async () => {
    const timeout = 500;
    const { probe } = await start({ timeout });
    proxy.set('stall');
    for (let round = 0; round < 3; round += 1) {
      const startedAt = performance.now();
      expect(await probe()).toEqual(down({ status: 'unreadable', reason: 'timeout' }));
      expect(performance.now() - startedAt).toBeLessThan(timeout + MARGIN);
    }
  });

  it('answers no state of a database with 500', async () => {
    const { probe, dataSource } = await start();
    await server.run('DROP TABLE migrations');
    expect(await probe()).toEqual(
      down({ status: 'unapplied', applied: 0, unapplied: 3, unknown: 0, outOfOrder: 0 }),
    );
    const invalid = [...dataSource.migrations, new (defineMigration('NoTimestamp'))()];
    Object.assign(dataSource, { migrations: invalid });
    expect(await probe()).toEqual(down({ status: 'unreadable', reason: 'invalid_migrations' }));
    await dataSource.destroy();
    expect(await probe()).toEqual(down({ status: 'unreadable', reason: 'uninitialized' }));
    Object.defineProperty(dataSource, 'isInitialized', {
      get: () => {
        throw new Error('postgres://user:secret@host');
      },
    });
    expect(await probe()).toEqual(down({ status: 'unreadable', reason: expect.any(String) as string }));
  });

  it('shares one reading with the scrape for each maxAge, at 50 probes a second', async () => {
    const maxAge = 400;
    const { probe, get, log } = await start({ maxAge });
    const startedAt = performance.now();
    const under = () => performance.now() - startedAt;
    const statuses = new Set<unknown>();
    let probes = 0;
    const pending: Promise<unknown>[] = [];
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        probes += 1;
        pending.push(probe().then(([status]) => statuses.add(status)));
        if (probes % 5 === 0) pending.push(get());
        if (probes < 100) return;
        clearInterval(timer);
        resolve();
      }, 20);
    });
    await Promise.all(pending);
    const elapsed = under();

    expect([...statuses]).toEqual([200]);
    const readings = log.take().length;
    expect(readings).toBeGreaterThanOrEqual(2);
    expect(readings).toBeLessThanOrEqual(elapsed / maxAge + 1);
  });

  it('has one statement under way at a time for 40 probes at once with maxAge: 0', async () => {
    const { probe, dataSource } = await start();
    const queries = new QueryWatch(dataSource);
    const answers = await Promise.all(Array.from({ length: 40 }, probe));
    for (const answer of answers) expect(answer).toEqual(up());
    expect(queries.most).toBe(1);
    expect(queries.attempts).toBeLessThanOrEqual(40);
  });

  it("stands by the last reading with whenUnreadable: 'last', and tells that it is one", async () => {
    const { probe } = await start({}, { whenUnreadable: 'last' });
    expect(await probe()).toEqual(up());
    proxy.set('refuse');
    expect(await probe()).toEqual(up({ reason: 'unreachable' }));
    proxy.set('none');
    await revert(NEWEST);
    await vi.waitFor(async () => expect((await probe())[0]).toBe(503), { timeout: 5000, interval: 50 });
    proxy.set('refuse');
    expect(await probe()).toEqual(
      down({
        status: 'unapplied',
        applied: 2,
        unapplied: 1,
        unknown: 0,
        outOfOrder: 0,
        reason: 'unreachable',
      }),
    );
  });

  it('stays up with once: true as soon as all was applied, and asks the database no more', async () => {
    await revert(NEWEST);
    const { probe, log } = await start({ readiness: { once: true } });
    expect((await probe())[0]).toBe(503);
    await apply(NEWEST);
    expect(await probe()).toEqual(up());
    log.take();
    await revert(NEWEST);
    expect(await probe()).toEqual(up());
    proxy.set('refuse');
    expect(await probe()).toEqual(up());
    expect(log.take()).toEqual([]);
  });

  it('refuses a connection whose code defines no migration, if the policy does', async () => {
    const { indicator } = await startWith([sqliteModule([])]);
    const isUp = async (policy: Policy) => (await indicator.isUpToDate('m', policy)).m.status;
    expect(await isUp({})).toBe('up');
    expect(await isUp({ allowNoMigrations: true })).toBe('up');
    expect(await isUp({ allowNoMigrations: false })).toBe('down');
  });

  it('allows what the policy allows, on top of the option readiness', async () => {
    await revert(OLDEST);
    await apply('Later1800000000000');
    const { probe, indicator } = await start({ readiness: { allowUnapplied: 1 } });
    const isUp = async (policy: Policy) => (await indicator.isUpToDate('m', policy)).m.status;
    expect((await probe())[0]).toBe(200);
    expect(await isUp({ allowUnapplied: undefined })).toBe('up');
    expect(await isUp({ allowUnapplied: 0 })).toBe('down');
    expect(await isUp({ allowUnknown: false })).toBe('down');
    expect(await isUp({ allowOutOfOrder: false })).toBe('down');
    expect(await isUp({ allowUnknown: true, allowOutOfOrder: true })).toBe('up');
  });

  it('works without exporting, and then exports nothing', async () => {
    const { probe, get, log } = await start({ exportMigrations: false });
    expect(log.take()).toEqual([]);
    expect(await probe()).toEqual(up());
    expect(await get()).not.toContain('migrations');
  });

  it("sees changes with refresh: 'bootstrap', at which a scrape does not look", async () => {
    const { probe, get, log } = await start({ refresh: 'bootstrap' });
    await revert(NEWEST);
    expect(readingsOf(await get(), 'default')).toMatchObject({ unapplied_total: 0 });
    expect(log.take()).toEqual([]);
    expect((await probe())[0]).toBe(503);
    expect(log.take()).toHaveLength(1);
  });
});

describe('the connections of a policy', () => {
  const imports = () => [
    sqliteModule(migrations, { applied: 3 }),
    sqliteModule(migrations, { name: 'users', applied: 1 }),
  ];

  it('judges all, or those that it names', async () => {
    const { probe, indicator } = await startWith(imports());
    expect((await probe())[0]).toBe(503);
    expect(await indicator.isUpToDate('migrations', { connections: ['default'] })).toEqual({
      migrations: { status: 'up', connections: { default: UP_TO_DATE } },
    });
  });

  const MISSING = { status: 'unreadable', reason: 'missing' };

  it('is down for a name that is none, and tells once which there are', async () => {
    const { probe, indicator, logger } = await startWith(
      imports(),
      { exclude: ['users'] },
      { connections: ['default', 'users'] },
    );
    const result = [503, { status: 'down', connections: { default: UP_TO_DATE, users: MISSING } }];
    expect(await probe()).toEqual(result);
    expect(await probe()).toEqual(result);
    expect(await indicator.isUpToDate('m', { connections: ['users'] })).toEqual({
      m: { status: 'down', connections: { users: MISSING } },
    });
    const warnings = logger.lines.filter((line) => line.includes('connections names'));
    expect(warnings).toEqual([
      'warn Readiness: connections names "users", but there is no such connection (yet). ' +
        'It is down until there is one. Known connections: "default".',
    ]);
  });

  it.each([true, false])(
    'is up when the connection is there, with exportMigrations: %s',
    async (exportMigrations) => {
      const { probe, get, app, fetch, logger } = await startWith([sqliteModule(migrations, { applied: 3 })], {
        exportMigrations,
        readiness: { path: '/readyz', connections: ['tenant'], once: true },
      });
      const readyz = async () => {
        const response = await fetch('/readyz');
        return [response.status, ((await response.json()) as { migrations: unknown }).migrations];
      };
      const missing = [503, { status: 'down', connections: { tenant: MISSING } }];
      expect(await readyz()).toEqual(missing);
      expect(await probe()).toEqual(missing);

      const tenant = await new DataSource({
        type: 'better-sqlite3',
        database: ':memory:',
        migrations,
      }).initialize();
      await record(tenant, 3);
      await app.get(MigrationsExporter).exportMigrationsForDatabase('tenant', tenant);
      expect(await readyz()).toEqual([200, { status: 'up', connections: { tenant: UP_TO_DATE } }]);

      // What was up to date once stays so, and tells that the connection is gone.
      app.get(MigrationsExporter).forgetDatabase('tenant');
      await tenant.destroy();
      const latched = [200, { status: 'up', connections: { tenant: MISSING } }];
      expect(await readyz()).toEqual(latched);
      expect(await probe()).toEqual(latched);
      expect(await get()).not.toContain('"tenant"');
      expect(logger.lines.filter((line) => line.includes('connections names'))).toHaveLength(1);
    },
  );

  it.each([
    ['NaN', { allowUnapplied: Number.NaN }, 'policy.allowUnapplied is NaN. Set it to a whole number'],
    ['no connection', { connections: [] }, 'policy.connections is []. Pass an array'],
    [
      'a typo',
      { allowUnaplied: 1 },
      'policy.allowUnaplied is not an option. Did you mean policy.allowUnapplied?',
    ],
    ['null', null, 'policy is null. Pass an object'],
    ['a string', 'once', 'policy is "once". Pass an object'],
    ['a symbol', Symbol('once'), 'policy is Symbol(once). Pass an object'],
    ['a promise', Promise.resolve({}), 'policy is an object of Promise. Pass an object'],
  ])('refuses a policy that cannot judge: %s; terminus passes that on', async (_, policy, message) => {
    const { probe, indicator } = await startWith(imports(), { exclude: ['users'] }, policy as Policy);
    const error: unknown = await indicator
      .isUpToDate('m', policy as Policy)
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect((error as Error).message).toContain(message);
    expect((await probe())[0]).toBe(500);
    expect((await indicator.isUpToDate('m')).m.status).toBe('up');
  });

  it('latches each policy by itself', async () => {
    const { indicator } = await startWith(imports());
    const status = async (policy: Policy) => (await indicator.isUpToDate('m', policy)).m.status;
    expect(await status({ once: true, connections: ['default'] })).toBe('up');
    expect(await status({ once: true })).toBe('down');
  });

  it('is up without a DataSource', async () => {
    const { probe } = await startWith([]);
    expect(await probe()).toEqual([200, { status: 'up', connections: {} }]);
  });
});
