import type { MigrationInterface, QueryRunner } from 'typeorm';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { closeDataSources } from '../support/data-sources';
import { createPostgres, type TestDatabase } from '../support/databases';
import { beginRuns, count, create, endRuns, figures, log } from '../support/runs';

/** A migration that runs a statement. */
function statement(name: string, sql: string) {
  return class implements MigrationInterface {
    name = name;
    async up(queryRunner: QueryRunner): Promise<void> {
      await queryRunner.query(sql);
    }
    async down(): Promise<void> {}
  };
}

beforeEach(beginRuns);
afterEach(endRuns);

describe.skipIf(inject('postgresUrl') === undefined)('instrumentMigrations on PostgreSQL', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createPostgres();
  });
  afterEach(async () => {
    await closeDataSources();
    await database.drop();
  });

  const migrations = [
    statement('First1700000000000', 'CREATE TABLE first (id int)'),
    statement('Second1700000000001', "SELECT 'hunter2' FROM missing"),
    statement('Third1700000000002', 'CREATE TABLE third (id int)'),
  ];

  it.each([
    ['all', false, []],
    ['each', true, ['First1700000000000']],
    ['none', true, ['First1700000000000']],
  ] as const)(
    'leaves the database as TypeORM does when one of them fails (transaction: %s)',
    async (transaction, hasFirst, recorded) => {
      const dataSource = await create({ type: 'postgres', url: database.url, migrations }).initialize();

      await expect(dataSource.runMigrations({ transaction })).rejects.toThrow(
        'relation "missing" does not exist',
      );

      const [{ first }] = (await database.run(`SELECT to_regclass('first') AS first`)) as [
        { first: unknown },
      ];
      expect(first !== null).toBe(hasFirst);
      const rows = (await database.run('SELECT name FROM migrations')) as { name: string }[];
      expect(rows.map(({ name }) => name)).toEqual(recorded);
      expect(await figures()).toMatchObject({ [count('failed')]: 1, [count('succeeded')]: 0 });
      expect(log()).toEqual([
        'log default: First1700000000000 ran in T',
        'error default: Second1700000000001 failed after T (QueryFailedError: 42P01)',
        'error default: the run of migrations failed after T: Second1700000000001. ' +
          'The error that runMigrations() or undoLastMigration() throws has the details.',
      ]);
    },
  );

  it('tells the cause of a run that fails outside of any migration', async () => {
    const dataSource = await create({ type: 'postgres', url: database.url }).initialize();
    await database.run('CREATE TABLE migrations (unlike text)');

    await expect(dataSource.runMigrations()).rejects.toThrow();

    expect(log()).toEqual([
      expect.stringMatching(
        /^error default: the run of migrations failed after T: QueryFailedError: 42703\. The error/,
      ),
    ]);
  });
});
