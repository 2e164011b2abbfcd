import { Logger } from '@nestjs/common';
import { Registry } from 'prom-client';
import type { DataSourceOptions } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MigrationsExporter } from '../../lib';
import { closeDataSources, openDataSource } from '../support/data-sources';
import { MYSQL_SERVERS, POSTGRES, type TestDatabase } from '../support/databases';
import { RecordingLogger } from '../support/logs';
import { defineMigrations } from '../support/migrations';
import { countsOf } from '../support/reading';

const migrations = defineMigrations(2);

const SERVERS = [
  POSTGRES,
  ...MYSQL_SERVERS,
  { name: 'better-sqlite3', type: 'better-sqlite3', available: true, create: undefined },
  { name: 'sql.js', type: 'sqljs', available: true, create: undefined },
] as const;

let logger: RecordingLogger;
beforeEach(() => Logger.overrideLogger((logger = new RecordingLogger())));
afterEach(async () => {
  Logger.overrideLogger(undefined as never);
  await closeDataSources();
});

describe.each(SERVERS.filter(({ available }) => available))(
  "a table of the application's own called migrations ($name)",
  ({ type, create }) => {
    let database: TestDatabase | undefined;

    beforeAll(async () => (database = await create?.()));
    afterAll(() => database?.drop());

    const quote = type === 'mariadb' || type === 'mysql' ? '`' : '"';

    /** A DataSource whose database has the table, with two rows. */
    async function open(
      options: object,
      { columns, table = 'migrations' }: { columns: string[]; table?: string },
    ) {
      const place = type === 'better-sqlite3' ? { database: ':memory:' } : { url: database?.url };
      const opened = await openDataSource({ type, ...place, ...options } as DataSourceOptions);
      const { dataSource, log } = opened;
      await dataSource.query(`DROP TABLE IF EXISTS ${quote}${table}${quote}`);
      const definitions = columns.map((column) => `${quote}${column}${quote} varchar(50)`).join(', ');
      await dataSource.query(`CREATE TABLE ${quote}${table}${quote} (id int primary key, ${definitions})`);
      for (const id of [1, 2]) {
        const values = columns.map(() => "'Oslo'").join(', ');
        await dataSource.query(`INSERT INTO ${quote}${table}${quote} VALUES (${id}, ${values})`);
      }
      log.take();
      return opened;
    }

    const BIRDS = { columns: ['flown_from', 'flown_to'] };

    it('reads 0 unapplied if the code defines none, as runMigrations() runs none', async () => {
      const { dataSource } = await open({}, BIRDS);
      const counts = countsOf(dataSource);
      expect(await counts()).toEqual({ applied: 0, unapplied: 0 });
      expect(await counts()).toEqual({ applied: 0, unapplied: 0 });
      expect(await dataSource.runMigrations()).toEqual([]);
    });

    it('is invalid_migrations if the code defines some, as runMigrations() fails', async () => {
      const { dataSource } = await open({ migrations }, BIRDS);
      const counts = countsOf(dataSource);
      expect(await counts()).toBe('invalid_migrations');
      expect(await counts()).toBe('invalid_migrations');
      await expect(dataSource.runMigrations()).rejects.toThrow();
    });

    it("is the same for Laravel's table", async () => {
      const { dataSource } = await open({ migrations }, { columns: ['migration', 'batch'] });
      expect(await countsOf(dataSource)()).toBe('invalid_migrations');
    });

    it('is the same for a table that is named by migrationsTableName', async () => {
      const options = { migrations, migrationsTableName: 'flights' };
      const { dataSource } = await open(options, { ...BIRDS, table: 'flights' });
      expect(await countsOf(dataSource)()).toBe('invalid_migrations');
      await expect(dataSource.runMigrations()).rejects.toThrow();
    });

    it('names the table and both ways out in the log, once', async () => {
      const { dataSource } = await open({ migrations }, BIRDS);
      const { lines } = logger;
      const exporter = new MigrationsExporter({
        dataSources: { birds: dataSource },
        registry: new Registry(),
      });
      await exporter.exportMigrations();
      await exporter.exportMigrations();
      exporter.close();
      expect(lines.filter((line) => line.startsWith('warn'))).toEqual([
        expect.stringMatching(
          /^warn birds: migrations could not be read \(invalid_migrations: The table "(\w+\.)?migrations" has no column "name".+migrationsTableName.+exclude/,
        ),
      ]);
    });

    it('is read as soon as the table is gone', async () => {
      const { dataSource } = await open({ migrations }, BIRDS);
      const counts = countsOf(dataSource);
      expect(await counts()).toBe('invalid_migrations');
      await dataSource.query('DROP TABLE migrations');
      expect(await counts()).toEqual({ applied: 0, unapplied: 2 });
      await dataSource.runMigrations();
      expect(await counts()).toEqual({ applied: 2, unapplied: 0 });
      await dataSource.query('DROP TABLE migrations');
    });

    it('counts as TypeORM does if it has a column name: rows are recorded, and nothing matches them', async () => {
      const { dataSource } = await open({ migrations }, { columns: ['name'] });
      expect(await countsOf(dataSource)()).toEqual({ applied: 1, unapplied: 2 });
      expect(await dataSource.showMigrations()).toBe(true);
    });

    it('leaves out rows without a name', async () => {
      const { dataSource } = await open({ migrations }, { columns: ['name'] });
      await dataSource.query('UPDATE migrations SET name = NULL WHERE id = 1');
      const counts = countsOf(dataSource);
      expect(await counts()).toEqual({ applied: 1, unapplied: 2 });
      expect(await counts()).toEqual({ applied: 1, unapplied: 2 });
    });

    it('does not mind columns that TypeORM may add', async () => {
      const { dataSource } = await open({ migrations }, BIRDS);
      await dataSource.query('DROP TABLE migrations');
      await dataSource.runMigrations();
      for (const column of ['executedAt', 'checksum']) {
        await dataSource.query(`ALTER TABLE migrations ADD COLUMN ${quote}${column}${quote} varchar(50)`);
      }
      expect(await countsOf(dataSource)()).toEqual({ applied: 2, unapplied: 0 });
    });

    it.runIf(type === 'postgres')('leaves no error in the log of the server', async () => {
      const { dataSource, log } = await open({}, BIRDS);
      const counts = countsOf(dataSource);
      await counts();
      await counts();
      const statements = log.take();
      expect(statements).toHaveLength(2);
      expect(statements.filter((statement) => statement.startsWith('SELECT "name"'))).toEqual([]);
    });
  },
);
