import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MigrationsExporter, PrometheusMigrationsModule } from '../../lib';
import { closeApplications, startApplication } from '../support/applications';
import { type TestDatabase, uniqueName } from '../support/databases';
import { readingsOf, samples } from '../support/exposition';
import { TcpProxy } from '../support/tcp-proxy';
import { poolState } from '../support/waiting';
import { type Dialect, DIALECTS, lockTable, migrate, migrations, WELL } from './faults';

const COUNT = 40;
/** Connections that the role may have. */
const LIMIT = 25;

/** What a dialect has for a limited role, and for pools that close what is idle. */
interface Limited {
  limit(role: string): string;
  readonly connected: string;
  readonly pool: object;
}
const mysql: Limited = {
  limit: (role) => `ALTER USER ${role}@'%' WITH MAX_USER_CONNECTIONS ${LIMIT}`,
  connected: 'SELECT count(*) AS connected FROM information_schema.processlist WHERE user = ',
  pool: { maxIdle: 0, idleTimeout: 100 },
};
const LIMITED: Record<Dialect['type'], Limited> = {
  postgres: {
    limit: (role) => `ALTER ROLE ${role} CONNECTION LIMIT ${LIMIT}`,
    connected: 'SELECT count(*)::int AS connected FROM pg_stat_activity WHERE usename = ',
    pool: { idleTimeoutMillis: 100 },
  },
  mariadb: mysql,
  mysql,
};

describe.each(DIALECTS)('pools of $name', (dialect) => {
  const role = uniqueName('limited');
  let server: TestDatabase;

  beforeEach(async () => {
    if (!dialect.available) return;
    server = await dialect.create();
    await migrate(dialect, server);
    await server.run(dialect.createRole(role), dialect.grant(role));
  });
  afterEach(async () => {
    await closeApplications();
    if (!dialect.available) return;
    await server.run(...dialect.dropRole(role));
    await server.drop();
  });

  const connected = async () => {
    const [row] = (await server.run(`${LIMITED[dialect.type].connected}'${role}'`)) as {
      connected: number;
    }[];
    return Number(row?.connected);
  };

  it.skipIf(!dialect.available)(
    `${COUNT} idle ones are read through fewer connections than a role may have, and the application keeps its own`,
    { timeout: 60_000 },
    async () => {
      const { limit, pool } = LIMITED[dialect.type];
      const names = Array.from({ length: COUNT }, (_, index) => `tenant_${index}`);
      const { app, get } = await startApplication({
        imports: [
          ...names.map((name) =>
            TypeOrmModule.forRoot({
              name,
              type: dialect.type,
              url: server.as(role, 'reader'),
              migrations,
              extra: pool,
            }),
          ),
          PrometheusMigrationsModule.forRoot({ registry: new Registry(), maxAge: 0 }),
        ],
      });
      const dataSources = names.map((name) => app.get<DataSource>(getDataSourceToken(name)));
      await expect.poll(connected, { timeout: 10_000 }).toBe(0);
      await server.run(limit(role));

      let most = 0;
      for (let scrape = 0; scrape < 10; scrape += 1) {
        const text = await get();
        most = Math.max(most, await connected());
        const failed = [...samples(text)].filter(
          ([series, value]) => series.includes('_success{') && value === 0,
        );
        expect(failed).toEqual([]);
        // The application's own, at once.
        const own = dataSources[(scrape * 7) % COUNT] as DataSource;
        expect(await own.query("SELECT 'x' AS one")).toEqual([{ one: 'x' }]);
      }
      expect(most).toBeLessThanOrEqual(16);
      // Many at a time, within what the readings leave.
      const queries = dataSources
        .slice(0, LIMIT - 16)
        .map((dataSource) => dataSource.query("SELECT 'x' AS one"));
      await expect(Promise.all([get(), ...queries])).resolves.toBeDefined();
      for (const dataSource of dataSources)
        await expect.poll(() => poolState(dataSource)).toMatchObject({ waiting: 0, lent: 0 });
      await expect.poll(connected, { timeout: 10_000 }).toBe(0);
    },
  );

  it.skipIf(!dialect.available).each([
    ['the connection is forgotten', (exporter: MigrationsExporter) => exporter.forgetDatabase('tenant')],
    ['the exporter is closed', (exporter: MigrationsExporter) => exporter.close()],
  ])('can be destroyed at once while a reading hangs: %s', { timeout: 20_000 }, async (_name, letGo) => {
    const dataSource = await new DataSource({
      type: dialect.type,
      url: server.url,
      migrations,
    }).initialize();
    const exporter = new MigrationsExporter({ registry: new Registry(), timeout: 100, maxAge: 0 });
    const unlock = await lockTable(dialect, server);
    try {
      expect(await exporter.exportMigrationsForDatabase('tenant', dataSource)).toMatchObject({
        reason: 'timeout',
      });
      letGo(exporter);
      const startedAt = performance.now();
      await dataSource.destroy();
      expect(performance.now() - startedAt).toBeLessThan(500);
    } finally {
      await unlock();
    }
  });
});

for (const dialect of DIALECTS.filter(({ type }) => type !== 'postgres'))
  describe.skipIf(!dialect.available)(`mysql2's replication on ${dialect.name}`, () => {
    let server: TestDatabase;
    let replica: TestDatabase;
    let proxies: Record<'master' | 'slave', TcpProxy>;

    beforeEach(async () => {
      server = await dialect.create();
      replica = await dialect.create();
      await migrate(dialect, server);
      const [master, slave] = await Promise.all([
        TcpProxy.before(server.url, dialect.port),
        TcpProxy.before(replica.url, dialect.port),
      ]);
      proxies = { master, slave };
    });
    afterEach(async () => {
      await closeApplications();
      for (const proxy of Object.values(proxies)) await proxy.close();
      await server.drop();
      await replica.drop();
    });

    async function start() {
      const { app, get } = await startApplication({
        imports: [
          TypeOrmModule.forRoot({
            type: dialect.type as 'mariadb' | 'mysql',
            migrations,
            replication: {
              master: { url: proxies.master.url(server.url) },
              slaves: [{ url: proxies.slave.url(replica.url) }],
            },
          }),
          PrometheusMigrationsModule.forRoot({ registry: new Registry(), maxAge: 0, timeout: 1000 }),
        ],
      });
      const dataSource = app.get<DataSource>(getDataSourceToken());
      return { dataSource, read: async () => readingsOf(await get(), 'default') };
    }

    it('reads the master', async () => {
      const { read } = await start();
      expect(await read()).toMatchObject(WELL);
      // The replica has no table at all.
      proxies.slave.set('refuse');
      expect(await read()).toMatchObject(WELL);
    });

    it.each(['refuse', 'cut'] as const)(
      'is not what takes the pools from the application in an outage (%s)',
      { timeout: 30_000 },
      async (fault) => {
        const { dataSource, read } = await start();
        expect(await read()).toMatchObject(WELL);
        for (const proxy of Object.values(proxies)) proxy.set(fault);
        for (let scrape = 0; scrape < 50; scrape += 1)
          expect(await read()).toMatchObject({ applied_total: -1, collection_success: 0 });
        for (const proxy of Object.values(proxies)) proxy.set('none');
        await expect.poll(read, { timeout: 5000 }).toMatchObject(WELL);
        for (const mode of ['master', 'slave'] as const) {
          const runner = dataSource.createQueryRunner(mode);
          const [row] = (await runner.query('SELECT database() AS name')) as { name: string }[];
          expect(row?.name).toBe(mode === 'master' ? server.name : replica.name);
          await runner.release();
        }
        expect(await dataSource.query("SELECT 'x' AS one")).toEqual([{ one: 'x' }]);
      },
    );
  });
