import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import better from 'better-sqlite3';
import * as mysql2 from 'mysql2';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createPostgres, MYSQL_SERVERS, type TestDatabase, uniqueName } from '../support/databases';
import { connect, type DriftCase, driftOf, generated, makeSchema } from '../support/drift/case';
import { MYSQL_CASES } from '../support/drift/mysql.cases';
import { POSTGRES_CASES } from '../support/drift/postgres.cases';
import { SQLITE_CASES } from '../support/drift/sqlite.cases';
import { TYPEORM_VERSIONS, type TypeOrmVersion } from '../support/typeorm-versions';

let dataSource: DataSource | undefined;
afterEach(async () => {
  await dataSource?.destroy();
  dataSource = undefined;
});

/** Makes the schema of a case, and tells its drift. */
async function judge({ typeorm, version }: TypeOrmVersion, each: DriftCase, options: object) {
  dataSource = await connect(typeorm, each.entities, { ...options, ...each.options });
  if (each.byHand === undefined) await makeSchema(dataSource);
  for (const statement of [...(each.byHand ?? []), ...(each.after ?? [])]) await dataSource.query(statement);
  const drift = await driftOf(dataSource);
  // The differences add up to what migration:generate emits.
  if (Array.isArray(drift)) expect(statementsOf(drift)).toBe(await generated(dataSource));
  expect(drift).toEqual(each.except?.[version] ?? each.drift);
}

function statementsOf(drift: readonly string[]): number {
  return drift.reduce((sum, difference) => sum + Number(difference.split(' ').at(-1)), 0);
}

describe.each(TYPEORM_VERSIONS)('TypeORM $version', (version) => {
  describe('on PostgreSQL', () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await createPostgres();
    });
    afterAll(() => database.drop());

    it.each(POSTGRES_CASES)('$name', async (each) => {
      await database.run(
        'DROP SCHEMA IF EXISTS app CASCADE',
        'DROP SCHEMA public CASCADE',
        'CREATE SCHEMA public',
        ...(each.before ?? []),
      );
      await judge(version, each, { type: 'postgres', driver: pg, url: database.url });
    });
  });

  describe.each(MYSQL_SERVERS)('on $name', ({ type, available, create }) => {
    let database: TestDatabase;

    it.skipIf(!available).each(MYSQL_CASES)('$name', async (each) => {
      database = await create();
      try {
        await judge(
          version,
          { ...each, ...(type === 'mysql' && each.mysql) },
          { type, driver: mysql2, connectorPackage: 'mysql2', url: database.url },
        );
      } finally {
        await database.drop();
      }
    });
  });

  describe('on SQLite', () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'drift-'));
    });
    afterAll(() => rm(folder, { recursive: true }));

    it.each(SQLITE_CASES)('$name', async (each) => {
      await judge(version, each, {
        type: 'better-sqlite3',
        driver: better,
        database: join(folder, uniqueName('file')),
      });
    });
  });
});
