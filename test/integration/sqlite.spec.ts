import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSourceOptions } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeDataSources, openDataSource } from '../support/data-sources';
import { defineMigration, defineMigrations } from '../support/migrations';
import { countsOf } from '../support/reading';

const migrations = defineMigrations(3);
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sqlite-'));
});
afterEach(async () => {
  await closeDataSources();
  await rm(directory, { recursive: true });
});

describe.each(['better-sqlite3', 'sqljs'] as const)('SQLite (%s)', (type) => {
  const open = (options: object = {}) =>
    openDataSource({ type, migrations, ...location(), ...options } as DataSourceOptions);
  const location = () => (type === 'sqljs' ? {} : { database: join(directory, 'test.db') });

  it('reads a missing table as nothing applied, and does not create it', async () => {
    const { dataSource, log } = await open();
    expect(await countsOf(dataSource)()).toEqual({ applied: 0, unapplied: 3 });
    expect(log.take()).toHaveLength(1);
    expect(await dataSource.query('SELECT name FROM sqlite_master')).toEqual([]);
  });

  it('sends one statement at a reading once the table has been seen', async () => {
    const { dataSource, log } = await open();
    const counts = countsOf(dataSource);
    await dataSource.runMigrations();
    expect(await counts()).toEqual({ applied: 3, unapplied: 0 });
    await dataSource.undoLastMigration();
    log.take();
    expect(await counts()).toEqual({ applied: 2, unapplied: 1 });
    expect(log.take()).toEqual(['SELECT "m"."name" FROM "migrations" "m"']);
  });

  it.each([`Schema "History"`, `it's`])('reads the table %s', async (migrationsTableName) => {
    const { dataSource } = await open({ migrationsTableName });
    const counts = countsOf(dataSource);
    expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
    const table = `"${migrationsTableName.replaceAll('"', '""')}"`;
    await dataSource.query(`CREATE TABLE ${table} (id integer primary key, timestamp bigint, name varchar)`);
    await dataSource.query(
      `INSERT INTO ${table} (timestamp, name) VALUES (1700000000001, 'Step1700000000001')`,
    );
    expect(await counts()).toEqual({ applied: 1, unapplied: 2 });
  });

  it('reads a table that is dropped while running', async () => {
    const { dataSource } = await open();
    const counts = countsOf(dataSource);
    await dataSource.runMigrations();
    expect(await counts()).toEqual({ applied: 3, unapplied: 0 });
    await dataSource.query('DROP TABLE migrations');
    expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
  });

  it('is not initialized before initialize(), nor after destroy()', async () => {
    const { dataSource } = await open();
    const counts = countsOf(dataSource);
    await dataSource.destroy();
    expect(await counts()).toBe('uninitialized');
    await dataSource.initialize();
    expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
  });

  it('fails where TypeORM would refuse to run the migrations', async () => {
    const { dataSource, log } = await open({ migrations: [defineMigration('NoTimestamp')] });
    expect(await countsOf(dataSource)()).toBe('invalid_migrations');
    expect(log.take()).toEqual([]);
  });
});
