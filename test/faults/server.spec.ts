import { TypeOrmModule } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PrometheusMigrationsModule } from '../../lib';
import { closeApplications, record, sqliteModule, startApplication } from '../support/applications';
import { readingsOf } from '../support/exposition';
import { defineMigrations } from '../support/migrations';
import {
  hasMariadbServer,
  hasMysqlServer,
  ownMariadb,
  ownMysql,
  ownPostgres,
  type OwnServer,
} from '../support/own-servers';

const START_MS = 60_000;
const migrations = defineMigrations(7);

const SERVERS = [
  { name: 'PostgreSQL', type: 'postgres', available: true, own: ownPostgres },
  { name: 'MariaDB', type: 'mariadb', available: hasMariadbServer, own: ownMariadb },
  { name: 'MySQL', type: 'mysql', available: hasMysqlServer, own: ownMysql },
] as const;

describe.each(SERVERS)('a $name server', ({ type, available, own }) => {
  let server: OwnServer;

  beforeAll(async () => {
    if (!available) return;
    server = await own();
    await server.start();
    const dataSource = await new DataSource({ type, url: server.url, migrations }).initialize();
    await record(dataSource, 5);
    await dataSource.destroy();
  }, START_MS);
  afterEach(closeApplications);
  afterAll(async () => {
    if (available) await server.remove();
  });

  it.skipIf(!available)(
    'that is stopped and started again is -1 meanwhile',
    { timeout: START_MS },
    async () => {
      const { get, logger } = await startApplication({
        imports: [
          TypeOrmModule.forRoot({ type, url: server.url, migrations }),
          sqliteModule(migrations, { name: 'healthy', applied: 7 }),
          PrometheusMigrationsModule.forRoot({ registry: new Registry(), maxAge: 0, timeout: 1000 }),
        ],
      });
      const figures = async (connection: string) => {
        const { applied_total, unapplied_total, collection_success } = readingsOf(await get(), connection);
        return [applied_total, unapplied_total, collection_success];
      };
      expect(await figures('default')).toEqual([5, 2, 1]);

      await server.stop();
      for (let scrape = 0; scrape < 20; scrape += 1) expect(await figures('default')).toEqual([-1, -1, 0]);
      expect(await figures('healthy')).toEqual([7, 0, 1]);

      await server.start();
      await expect.poll(() => figures('default'), { timeout: 10_000 }).toEqual([5, 2, 1]);
      expect(logger.lines.filter((line) => line.includes('default: '))).toEqual([
        'log default: migrations: 5 applied, 2 unapplied',
        expect.stringMatching(/^warn default: migrations could not be read \(unreachable\b/),
        'log default: migrations readable again: 5 applied, 2 unapplied',
      ]);
    },
  );
});
