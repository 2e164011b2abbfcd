import { once } from 'node:events';
import { connect } from 'node:net';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import type { DataSourceOptions } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { MigrationsGateError, PrometheusMigrationsModule } from '../../lib';
import { closeApplications, startApplication } from '../support/applications';
import { COMPILE_MS, type CompiledFixture, compileFixture } from '../support/compiled';
import { closeDataSources, openDataSource } from '../support/data-sources';
import { type TestDatabase, uniqueName } from '../support/databases';
import { readingsOf } from '../support/exposition';
import { freePort } from '../support/free-port';
import { RecordingLogger } from '../support/logs';
import { defineMigrations, FIRST_TIMESTAMP } from '../support/migrations';
import { endPods, type Pod, type PodEnd, SOON, startPod } from '../support/pod';
import { StatementLog } from '../support/statements';
import { footprint, grownSince } from '../support/waiting';
import { DRIVERS } from './faults';
import type { GateConnection, GateSettings } from './startup-gate.fixture';

const DEFINED = 7;
const PASSWORD = 'hush-hush';
const PATIENCE = { timeout: 3 * SOON };
/** Far longer than any test: whoever waits for its end does not end in time. */
const LONG = { timeout: 600_000, interval: 200 };
/** ms that a busy machine may take to go on. */
const MARGIN = 5000;
const WAITING = 'Waiting for migrations to be applied';
/** What the database has no part in is tried with the first of them. */
const AVAILABLE = DRIVERS.filter(({ available }) => available);

let fixture: CompiledFixture;

const start = (settings: GateSettings): Pod => startPod(fixture, settings);
const ended = (pod: Pod): Promise<PodEnd> => pod.ended();

/** A DataSource whose migrations are all applied: it has none. */
const upToDate: GateConnection = {
  options: { type: 'better-sqlite3', database: ':memory:' },
  migrations: 0,
};

beforeAll(async () => {
  fixture = await compileFixture('test/faults/startup-gate.fixture');
}, COMPILE_MS);

afterEach(async () => {
  await endPods();
  await closeApplications();
  await closeDataSources();
});

afterAll(() => fixture.remove());

describe.each(AVAILABLE)('start-up on $name', PATIENCE, (dialect) => {
  const isFirst = dialect === AVAILABLE[0];
  let server: TestDatabase;
  let role: string;

  beforeEach(async () => {
    role = uniqueName();
    server = await dialect.create();
    await server.run(dialect.createRole(role).replace(/'reader'/, `'${PASSWORD}'`));
  });

  afterEach(async () => {
    await server.run(...dialect.dropRole(role));
    await server.drop();
  });

  const connection = (fields: Partial<GateConnection> = {}, url = server.url): GateConnection => ({
    options: { type: dialect.type, url },
    migrations: DEFINED,
    ...fields,
  });

  /** A connection whose role may do all but read the migrations. */
  async function deniedConnection(): Promise<GateConnection> {
    await migrate(1);
    // Without any privilege MariaDB would not let it connect.
    const grant = dialect.grant(role).replace('migrations', 'other');
    await server.run('CREATE TABLE other (id integer)', grant);
    return connection({}, server.as(role, PASSWORD));
  }

  async function migrate(count = DEFINED): Promise<void> {
    const { dataSource } = await openDataSource({
      type: dialect.type,
      url: server.url,
      migrations: defineMigrations(count),
    });
    await dataSource.runMigrations();
    await dataSource.destroy();
  }

  describe.each(isFirst ? (['http', 'context'] as const) : (['http'] as const))(
    'of an application with NestFactory (%s)',
    (kind) => {
      it("fails with onUnapplied: 'fail' before it is started", async () => {
        const { code, output } = await ended(
          start({
            kind,
            connections: { orders: connection(), users: upToDate },
            options: { onUnapplied: 'fail' },
          }),
        );
        expect(code).toBe(1);
        const names = [0, 1, 2, 3, 4].map((index) => `Step${FIRST_TIMESTAMP + index}`);
        expect(output).toContain('MigrationsGateError: The application does not start');
        expect(output).toContain(`orders: 7 unapplied: ${names.join(', ')} and 2 more\n`);
        expect(output).toContain('npx typeorm migration:run -d');
        expect(output).not.toMatch(/users: (\d|cannot)/);
        expect(output).not.toContain('STARTED');
        expect(output).not.toContain('successfully started');
      });

      it("fails with onUnreadable: 'fail', and tells neither host nor role nor password", async () => {
        const { code, output } = await ended(
          start({
            kind,
            connections: { orders: await deniedConnection(), users: upToDate },
            options: { onUnreadable: 'fail' },
          }),
        );
        expect(code).toBe(1);
        expect(output).toMatch(
          /MigrationsGateError: The application does not start.+\n {2}orders: cannot be read \(denied\)\n/,
        );
        for (const secret of [PASSWORD, role, '127.0.0.1', 'STARTED']) expect(output).not.toContain(secret);
      });

      it('starts when all is applied, with every gate set', async () => {
        await migrate();
        const pod = start({
          kind,
          connections: { orders: connection() },
          options: { onUnapplied: 'fail', onUnreadable: 'fail', waitFor: LONG },
        });
        await pod.printed('STARTED');
        expect(pod.output()).not.toContain(WAITING);
        expect(pod.output()).not.toContain('WARN');
      });

      it('fails when the time has run out', async () => {
        const { code, output } = await ended(
          start({
            kind,
            connections: { orders: connection() },
            options: { onUnapplied: 'fail', waitFor: { timeout: 1000, interval: 200 } },
          }),
        );
        expect(code).toBe(1);
        expect(output.split(WAITING)).toHaveLength(2);
        expect(output).toContain('MigrationsGateError: The application does not start');
      });
    },
  );

  it.runIf(isFirst)('starts with a warning when the time has run out and nothing says fail', async () => {
    const pod = start({
      kind: 'http',
      connections: { orders: connection() },
      options: { waitFor: { timeout: 600, interval: 200 } },
    });
    await pod.printed('STARTED');
    expect(pod.output()).toContain(
      'The application starts with unapplied migrations: orders has 7 unapplied.',
    );
  });

  it('lets two pods start as soon as a third process has migrated, and serves their ports meanwhile', async () => {
    const port = await freePort();
    const options = { onUnapplied: 'fail', waitFor: LONG } as const;
    const pods = [
      start({
        kind: 'http',
        connections: { orders: connection() },
        options: { ...options, port, maxAge: 0, readiness: { path: '/readyz', once: true } },
      }),
      start({ kind: 'context', connections: { orders: connection() }, options }),
    ];
    await Promise.all(pods.map((pod) => pod.printed(`${WAITING}, 600 s left: orders has 7 unapplied.`)));
    const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
    expect(readingsOf(await (await get('/metrics')).text(), 'orders')).toMatchObject({
      unapplied_total: DEFINED,
    });
    const waiting = await get('/readyz');
    expect(waiting.status).toBe(503);
    expect(await waiting.json()).toMatchObject({
      migrations: { status: 'down', connections: { orders: { status: 'unapplied', unapplied: DEFINED } } },
    });
    for (const pod of pods) expect(pod.output()).not.toContain('STARTED');

    const third = start({ kind: 'migrate', connections: { orders: connection() } });
    await third.printed('MIGRATED');
    const migratedAt = performance.now();
    await Promise.all(pods.map((pod) => pod.printed('STARTED')));

    expect(performance.now() - migratedAt).toBeLessThan(LONG.interval + MARGIN);
    for (const pod of pods) expect(pod.output()).toMatch(/All migrations are applied, after \d+\.\d s\./);
    expect((await get('/readyz')).status).toBe(200);
    expect(readingsOf(await (await get('/metrics')).text(), 'orders')).toMatchObject({ unapplied_total: 0 });
  });

  it.runIf(isFirst).each([
    ['http', undefined],
    ['http', 'nest'],
    ['context', undefined],
  ] as const)('ends on SIGTERM while it waits (%s, signals handled by: %s)', async (kind, signals) => {
    const pod = start({
      kind,
      signals,
      connections: { orders: connection() },
      options: { waitFor: LONG },
    });
    await pod.printed(WAITING);
    pod.kill('SIGTERM');
    const { code, signal, output } = await ended(pod);
    expect({ code, signal }, output).toEqual({ code: null, signal: 'SIGTERM' });
    expect(output).not.toMatch(/STARTED|MigrationsGateError/);
  });

  it('does not wait for a database that denies, nor for migrations that TypeORM refuses', async () => {
    const denied = start({
      kind: 'http',
      connections: { orders: await deniedConnection() },
      options: { onUnreadable: 'fail', waitFor: LONG },
    });
    const invalid = start({
      kind: 'http',
      connections: { orders: connection({ invalid: true }) },
      options: { onUnreadable: 'fail', waitFor: LONG },
    });
    for (const [pod, reason] of [
      [denied, 'denied'],
      [invalid, 'invalid_migrations'],
    ] as const) {
      const { code, output } = await ended(pod);
      expect(code, output).toBe(1);
      expect(output).toContain(`orders: cannot be read (${reason})`);
      expect(output).not.toContain(WAITING);
    }
  });

  it.runIf(isFirst)('takes no notice of a DataSource that synchronizes', async () => {
    const options = { type: dialect.type, url: server.url, synchronize: true } as DataSourceOptions;
    const pod = start({
      kind: 'http',
      connections: { orders: connection({ options }) },
      options: { onUnapplied: 'fail', onUnreadable: 'fail', waitFor: LONG },
    });
    await pod.printed('STARTED');
    expect(pod.output()).not.toContain('WARN');
    expect(pod.output()).not.toContain(WAITING);
  });

  describe('in this process', () => {
    const typeorm = (log?: StatementLog) =>
      TypeOrmModule.forRoot({
        type: dialect.type,
        url: server.url,
        migrations: defineMigrations(DEFINED),
        ...(log && { logger: log, logging: true }),
      });

    it('asks the database no more with every gate set, when all is applied', async () => {
      await migrate();
      const statements = async (options: object) => {
        const log = new StatementLog();
        await startApplication({
          imports: [
            typeorm(log),
            PrometheusMigrationsModule.forRoot({ registry: new Registry(), ...options }),
          ],
        });
        await closeApplications();
        return log.take();
      };
      const without = await statements({ onUnapplied: 'ignore', onUnreadable: 'ignore' });
      expect(without.length).toBeGreaterThan(0);
      expect(await statements({ onUnapplied: 'fail', onUnreadable: 'fail', waitFor: LONG })).toEqual(without);
    });

    it('leaves nothing behind when it is closed while it waits', async () => {
      const { dataSource } = await openDataSource({
        type: dialect.type,
        url: server.url,
        migrations: defineMigrations(DEFINED),
      });
      const measure = () => footprint(dataSource);
      const before = measure();
      const registry = new Registry();
      const port = await freePort();
      const logger = new RecordingLogger();
      const module = await Test.createTestingModule({
        imports: [
          PrometheusMigrationsModule.forRoot({
            registry,
            port,
            dataSources: { orders: dataSource },
            onUnapplied: 'fail',
            waitFor: LONG,
          }),
        ],
      })
        .setLogger(logger)
        .compile();
      const app = module.createNestApplication();
      const listening = app.listen(0, '127.0.0.1').then(
        () => undefined,
        (error: unknown) => error,
      );
      await vi.waitFor(() => expect(logger.lines.join()).toContain(WAITING));

      await app.close();

      expect(await listening).toBeUndefined();
      expect(app.getHttpServer()).toMatchObject({ listening: false });
      expect(registry.getMetricsAsArray()).toEqual([]);
      expect(await isOpen(port)).toBe(false);
      expect(await grownSince(before, measure)).toEqual({});
    });

    it('can be started again after it has failed: registry and port are free', async () => {
      const registry = new Registry();
      const port = await freePort();
      const options = { registry, port, onUnapplied: 'fail' } as const;
      const starting = () =>
        startApplication({ imports: [typeorm(), PrometheusMigrationsModule.forRoot(options)] });
      await expect(starting()).rejects.toBeInstanceOf(MigrationsGateError);
      expect(await isOpen(port)).toBe(false);
      expect(registry.getMetricsAsArray()).toEqual([]);
      await migrate();
      const { get } = await starting();
      expect(readingsOf(await get(), 'default')).toMatchObject({ unapplied_total: 0 });
      expect(await isOpen(port)).toBe(true);
    });
  });
});

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
