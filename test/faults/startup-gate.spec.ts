import { once } from 'node:events';
import { connect } from 'node:net';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import type { DataSourceOptions } from 'typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { MigrationsGateError, PrometheusMigrationsModule } from '../../lib';
import { closeApplications, startApplication } from '../support/applications';
import { COMPILE_MS, type CompiledFixture, compileFixture } from '../support/compiled';
import { closeDataSources, openDataSource, runMigrations } from '../support/data-sources';
import { type TestDatabase, uniqueName } from '../support/databases';
import { readingsOf } from '../support/exposition';
import { freePort } from '../support/free-port';
import { RecordingLogger } from '../support/logs';
import { defineMigrations, FIRST_TIMESTAMP } from '../support/migrations';
import { type Pod, type PodEnd, SOON, startPod } from '../support/pod';
import { StatementLog } from '../support/statements';
import { footprint, grownSince } from '../support/waiting';
import { type Dialect, DRIVERS } from './faults';
import type { GateConnection, GateSettings } from './startup-gate.fixture';

const DEFINED = 7;
const PASSWORD = 'hush-hush';
const PATIENCE = { timeout: 3 * SOON };
/** Far longer than any test: whoever waits for its end does not end in time. */
const LONG = { timeout: 600_000, interval: 200 };
/** ms that a busy machine may take to go on. */
const MARGIN = 15_000;
const WAITING = 'Waiting for migrations to be applied';
/** What the database has no part in is tried with the first of them. */
const AVAILABLE = DRIVERS.filter(({ available }) => available);

let fixture: CompiledFixture;

const ended = (pod: Pod): Promise<PodEnd> => pod.ended();

/** A DataSource whose migrations are all applied: it has none. */
const upToDate: GateConnection = {
  options: { type: 'better-sqlite3', database: ':memory:' },
  migrations: 0,
};

beforeAll(async () => {
  fixture = await compileFixture('test/faults/startup-gate.fixture');
}, COMPILE_MS);

afterAll(() => fixture.remove());

/** A test's own database, role and processes. */
class Place {
  private readonly pods: Pod[] = [];

  private constructor(
    private readonly dialect: Dialect,
    readonly server: TestDatabase,
    readonly role: string,
  ) {}

  static async create(dialect: Dialect): Promise<Place> {
    const place = new Place(dialect, await dialect.create(), uniqueName());
    await place.server.run(dialect.createRole(place.role).replace(/'reader'/, `'${PASSWORD}'`));
    return place;
  }

  start(settings: GateSettings): Pod {
    const pod = startPod(fixture, settings);
    this.pods.push(pod);
    return pod;
  }

  connection(fields: Partial<GateConnection> = {}, url = this.server.url): GateConnection {
    return { options: { type: this.dialect.type, url }, migrations: DEFINED, ...fields };
  }

  /** A connection whose role may do all but read the migrations. */
  async deniedConnection(): Promise<GateConnection> {
    await this.migrate(1);
    // Without any privilege MariaDB would not let it connect.
    const grant = this.dialect.grant(this.role).replace('migrations', 'other');
    await this.server.run('CREATE TABLE other (id integer)', grant);
    return this.connection({}, this.server.as(this.role, PASSWORD));
  }

  async migrate(count = DEFINED): Promise<void> {
    const { type } = this.dialect;
    await runMigrations({ type, url: this.server.url, migrations: defineMigrations(count) });
  }

  async remove(): Promise<void> {
    for (const pod of this.pods) pod.kill('SIGKILL');
    await Promise.all(this.pods.map(ended));
    await this.server.run(...this.dialect.dropRole(this.role));
    await this.server.drop();
  }
}

describe.each(AVAILABLE)('start-up on $name', PATIENCE, (dialect) => {
  const isFirst = dialect === AVAILABLE[0];
  const withPlace = it.extend<{ place: Place }>({
    // Vitest reads the names of what a fixture needs from the pattern.
    // eslint-disable-next-line no-empty-pattern
    place: async ({}, use) => {
      const place = await Place.create(dialect);
      await use(place);
      await place.remove();
    },
  });

  describe.each(isFirst ? (['http', 'context'] as const) : (['http'] as const))(
    'of an application with NestFactory (%s)',
    (kind) => {
      withPlace.concurrent("fails with onUnapplied: 'fail' before it is started", async ({ place }) => {
        const { code, output } = await ended(
          place.start({
            kind,
            connections: { orders: place.connection(), users: upToDate },
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

      withPlace.concurrent(
        "fails with onUnreadable: 'fail', and tells neither host nor role nor password",
        async ({ place }) => {
          const { code, output } = await ended(
            place.start({
              kind,
              connections: { orders: await place.deniedConnection(), users: upToDate },
              options: { onUnreadable: 'fail' },
            }),
          );
          expect(code).toBe(1);
          expect(output).toMatch(
            /MigrationsGateError: The application does not start.+\n {2}orders: cannot be read \(denied\)\n/,
          );
          for (const secret of [PASSWORD, place.role, '127.0.0.1', 'STARTED'])
            expect(output).not.toContain(secret);
        },
      );

      withPlace.concurrent('starts when all is applied, with every gate set', async ({ place }) => {
        await place.migrate();
        const pod = place.start({
          kind,
          connections: { orders: place.connection() },
          options: { onUnapplied: 'fail', onUnreadable: 'fail', waitFor: LONG },
        });
        await pod.printed('STARTED');
        expect(pod.output()).not.toContain(WAITING);
        expect(pod.output()).not.toContain('WARN');
      });

      withPlace.concurrent('fails when the time has run out', async ({ place }) => {
        const { code, output } = await ended(
          place.start({
            kind,
            connections: { orders: place.connection() },
            options: { onUnapplied: 'fail', waitFor: { timeout: 1000, interval: 200 } },
          }),
        );
        expect(code).toBe(1);
        expect(output.split(WAITING)).toHaveLength(2);
        expect(output).toContain('MigrationsGateError: The application does not start');
      });
    },
  );

  withPlace
    .runIf(isFirst)
    .concurrent(
      'starts with a warning when the time has run out and nothing says fail',
      async ({ place }) => {
        const pod = place.start({
          kind: 'http',
          connections: { orders: place.connection() },
          options: { waitFor: { timeout: 600, interval: 200 } },
        });
        await pod.printed('STARTED');
        expect(pod.output()).toContain(
          'The application starts with unapplied migrations: orders has 7 unapplied.',
        );
      },
    );

  withPlace.concurrent(
    'lets two pods start as soon as a third process has migrated, and serves their ports meanwhile',
    async ({ place }) => {
      const port = await freePort();
      const options = { onUnapplied: 'fail', waitFor: LONG } as const;
      const pods = [
        place.start({
          kind: 'http',
          connections: { orders: place.connection() },
          options: { ...options, port, maxAge: 0, readiness: { path: '/readyz', once: true } },
        }),
        place.start({ kind: 'context', connections: { orders: place.connection() }, options }),
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

      const third = place.start({ kind: 'migrate', connections: { orders: place.connection() } });
      await third.printed('MIGRATED');
      const migratedAt = performance.now();
      await Promise.all(pods.map((pod) => pod.printed('STARTED')));

      expect(performance.now() - migratedAt).toBeLessThan(LONG.interval + MARGIN);
      for (const pod of pods) expect(pod.output()).toMatch(/All migrations are applied, after \d+\.\d s\./);
      expect((await get('/readyz')).status).toBe(200);
      expect(readingsOf(await (await get('/metrics')).text(), 'orders')).toMatchObject({
        unapplied_total: 0,
      });
    },
  );

  withPlace.runIf(isFirst).concurrent.for([
    ['http', undefined],
    ['http', 'nest'],
    ['context', undefined],
  ] as const)(
    'ends on SIGTERM while it waits (%s, signals handled by: %s)',
    async ([kind, signals], { place }) => {
      const pod = place.start({
        kind,
        signals,
        connections: { orders: place.connection() },
        options: { waitFor: LONG },
      });
      await pod.printed(WAITING);
      pod.kill('SIGTERM');
      const { code, signal, output } = await ended(pod);
      expect({ code, signal }, output).toEqual({ code: null, signal: 'SIGTERM' });
      expect(output).not.toMatch(/STARTED|MigrationsGateError/);
    },
  );

  withPlace.concurrent(
    'does not wait for a database that denies, nor for migrations that TypeORM refuses',
    async ({ place }) => {
      const denied = place.start({
        kind: 'http',
        connections: { orders: await place.deniedConnection() },
        options: { onUnreadable: 'fail', waitFor: LONG },
      });
      const invalid = place.start({
        kind: 'http',
        connections: { orders: place.connection({ invalid: true }) },
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
    },
  );

  withPlace
    .runIf(isFirst)
    .concurrent('takes no notice of a DataSource that synchronizes', async ({ place }) => {
      const options = { type: dialect.type, url: place.server.url, synchronize: true } as DataSourceOptions;
      const pod = place.start({
        kind: 'http',
        connections: { orders: place.connection({ options }) },
        options: { onUnapplied: 'fail', onUnreadable: 'fail', waitFor: LONG },
      });
      await pod.printed('STARTED');
      expect(pod.output()).not.toContain('WARN');
      expect(pod.output()).not.toContain(WAITING);
    });

  describe('in this process', () => {
    afterEach(async () => {
      await closeApplications();
      await closeDataSources();
    });

    const typeorm = ({ server }: Place, log?: StatementLog) =>
      TypeOrmModule.forRoot({
        type: dialect.type,
        url: server.url,
        migrations: defineMigrations(DEFINED),
        ...(log && { logger: log, logging: true }),
      });

    withPlace('asks the database no more with every gate set, when all is applied', async ({ place }) => {
      await place.migrate();
      const statements = async (options: object) => {
        const log = new StatementLog();
        await startApplication({
          imports: [
            typeorm(place, log),
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

    withPlace('leaves nothing behind when it is closed while it waits', async ({ place }) => {
      const { dataSource } = await openDataSource({
        type: dialect.type,
        url: place.server.url,
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

    withPlace('can be started again after it has failed: registry and port are free', async ({ place }) => {
      const registry = new Registry();
      const port = await freePort();
      const options = { registry, port, onUnapplied: 'fail' } as const;
      const starting = () =>
        startApplication({ imports: [typeorm(place), PrometheusMigrationsModule.forRoot(options)] });
      await expect(starting()).rejects.toBeInstanceOf(MigrationsGateError);
      expect(await isOpen(port)).toBe(false);
      expect(registry.getMetricsAsArray()).toEqual([]);
      await place.migrate();
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
