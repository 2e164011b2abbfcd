import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type DataSource,
  type DataSourceOptions,
  type EntityManager,
  type QueryRunner,
  Table,
} from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { record } from '../support/applications';
import { closeDataSources, openDataSource } from '../support/data-sources';
import { MYSQL_SERVERS, POSTGRES, type TestDatabase } from '../support/databases';
import { defineMigrations } from '../support/migrations';
import { countsOf } from '../support/reading';

const migrations = defineMigrations(3);
const COMMITTED = { applied: 1, unapplied: 2 };
const ALL = { applied: 2, unapplied: 1 };
const insertSecond = "INSERT INTO migrations (timestamp, name) VALUES (1700000000001, 'Step1700000000001')";

afterEach(closeDataSources);

/**
 * What typeorm-transactional does: within a transaction `dataSource.query` and `dataSource.manager` are
 * those of the transaction's query runner.
 */
async function transactional(dataSource: DataSource, run: (manager: EntityManager) => Promise<void>) {
  const runner = dataSource.createQueryRunner();
  const { query, manager } = dataSource;
  await runner.startTransaction();
  Object.assign(dataSource, {
    query: (...args: Parameters<QueryRunner['query']>) => runner.query(...args),
    manager: runner.manager,
  });
  try {
    await run(runner.manager);
    await runner.commitTransaction();
  } catch (error) {
    await runner.rollbackTransaction();
    throw error;
  } finally {
    Object.assign(dataSource, { query, manager });
    await runner.release();
  }
}

class Undo extends Error {}
const undone = (error: unknown) => {
  if (!(error instanceof Undo)) throw error;
};

describe.each([POSTGRES, ...MYSQL_SERVERS] as const)(
  '$type: a transaction of the application',
  ({ type, available, create }) => {
    describe.skipIf(!available)('in which a migration is recorded', () => {
      let database: TestDatabase;
      beforeAll(async () => {
        database = await create();
      });
      afterAll(() => database.drop());
      beforeEach(() => database.run('DROP TABLE IF EXISTS migrations', 'DROP TABLE IF EXISTS orders'));

      const open = async (options: object = {}) =>
        (await openDataSource({ type, url: database.url, migrations, ...options })).dataSource;

      it.each([
        [
          'dataSource.transaction()',
          (dataSource: DataSource, run: (manager: EntityManager) => Promise<void>) =>
            dataSource.transaction(run),
        ],
        ['typeorm-transactional', transactional],
      ])('is not counted before it is committed: %s', async (_how, transaction) => {
        const dataSource = await open();
        await record(dataSource, 1);
        const counts = countsOf(dataSource);
        expect(await counts()).toEqual(COMMITTED);
        await transaction(dataSource, async (manager) => {
          await manager.query(insertSecond);
          expect(await counts()).toEqual(COMMITTED);
          throw new Undo();
        }).catch(undone);
        expect(await counts()).toEqual(COMMITTED);
        await transaction(dataSource, async (manager) => {
          await manager.query(insertSecond);
          expect(await counts()).toEqual(COMMITTED);
        });
        expect(await counts()).toEqual(ALL);
      });

      it('is not disturbed by a SELECT that fails', async () => {
        const dataSource = await open({ migrationsTableName: 'migrations' });
        await dataSource.query('CREATE TABLE orders (id int)');
        const counts = countsOf(dataSource);
        await transactional(dataSource, async (manager) => {
          await manager.query('INSERT INTO orders VALUES (1)');
          expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
          await dataSource.query('INSERT INTO orders VALUES (2)');
        });
        expect(await dataSource.query('SELECT id FROM orders ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }]);
        // A table that was there when it was read last: that the SELECT fails is how its loss is told.
        await record(dataSource, 1);
        expect(await counts()).toEqual(COMMITTED);
        await database.run('DROP TABLE migrations');
        await transactional(dataSource, async (manager) => {
          await manager.query('INSERT INTO orders VALUES (3)');
          expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
        });
        expect(await dataSource.query('SELECT id FROM orders')).toHaveLength(3);
      });
    });
  },
);

describe.each(['better-sqlite3', 'sqljs'] as const)('%s: a transaction on the one connection', (type) => {
  let directory: string;
  let dataSource: DataSource;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'uncommitted-'));
    const location = type === 'sqljs' ? {} : { database: join(directory, 'test.db') };
    ({ dataSource } = await openDataSource({ type, migrations, ...location } as DataSourceOptions));
    await record(dataSource, 1);
  });
  afterEach(() => rm(directory, { recursive: true }));

  interface Transaction {
    begin(): Promise<unknown>;
    commit(): Promise<unknown>;
    rollback(): Promise<unknown>;
  }
  const byRunner = (): Transaction => {
    const runner = dataSource.createQueryRunner();
    return {
      begin: () => runner.startTransaction(),
      commit: () => runner.commitTransaction(),
      rollback: () => runner.rollbackTransaction(),
    };
  };
  const raw = (): Transaction => ({
    begin: () => dataSource.query('BEGIN'),
    commit: () => dataSource.query('COMMIT'),
    rollback: () => dataSource.query('ROLLBACK'),
  });
  const byManager = (): Transaction => {
    let end!: (error?: Error) => void;
    let ended: Promise<void>;
    return {
      begin: () =>
        new Promise<void>((resolve) => {
          ended = dataSource.transaction(
            () =>
              new Promise<void>((commit, rollback) => {
                end = (error) => (error === undefined ? commit() : rollback(error));
                resolve();
              }),
          );
        }),
      commit: () => (end(), ended),
      rollback: () => (end(new Undo()), ended.catch(undone)),
    };
  };
  const nested = (): Transaction => {
    const { begin, commit, rollback } = byRunner();
    const runner = dataSource.createQueryRunner();
    return {
      async begin() {
        await begin();
        await runner.startTransaction();
        await runner.commitTransaction();
      },
      commit,
      rollback,
    };
  };
  const KINDS = [
    ['queryRunner.startTransaction()', byRunner],
    ['dataSource.transaction()', byManager],
    ['a nested one', nested],
    ['a raw BEGIN', raw],
  ] as const;

  it.each(KINDS)('is waited for: %s', async (_kind, create) => {
    const counts = countsOf(dataSource);
    const transaction = create();
    for (const [end, expected] of [
      ['rollback', COMMITTED],
      ['commit', ALL],
    ] as const) {
      await transaction.begin();
      await dataSource.query(insertSecond);
      const reading = counts();
      await wait(50);
      await transaction[end]();
      expect(await reading).toEqual(expected);
    }
  });

  it.each(KINDS)('that takes longer than timeout reads -1, until it ends: %s', async (_kind, create) => {
    const counts = countsOf(dataSource, 100);
    const transaction = create();
    expect(await counts()).toEqual(COMMITTED);
    await transaction.begin();
    await dataSource.query(insertSecond);
    expect(await counts()).toBe('timeout');
    expect(await counts()).toBe('timeout');
    await transaction.rollback();
    await expect.poll(counts).toEqual(COMMITTED);
  });

  it.each(KINDS)('is never counted when it is rolled back at whatever moment: %s', async (_kind, create) => {
    const counts = countsOf(dataSource);
    const transaction = create();
    for (let ticks = 0; ticks < 100; ticks += 1) {
      const seen: unknown[] = [];
      const application = async () => {
        await transaction.begin();
        await dataSource.query(insertSecond);
        await transaction.rollback();
      };
      const reading = async () => {
        for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
        seen.push(await counts());
      };
      await Promise.all([application(), reading()]);
      expect([ticks, ...seen]).toEqual([ticks, COMMITTED]);
    }
  });

  it('is not counted when it begins past TypeORM while the reading is under way', async () => {
    const { databaseConnection } = dataSource.driver as unknown as {
      databaseConnection: { exec(sql: string): void };
    };
    const counts = countsOf(dataSource);
    await counts();
    for (let ticks = 0; ticks < 40; ticks += 1) {
      const reading = counts();
      for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
      databaseConnection.exec('BEGIN');
      databaseConnection.exec(insertSecond);
      await wait(5);
      databaseConnection.exec('ROLLBACK');
      expect([ticks, await reading]).toEqual([ticks, COMMITTED]);
    }
  });

  it('does not lose the statements that enableSqlMemory() gathers on the shared query runner', async () => {
    const counts = countsOf(dataSource);
    const runner = dataSource.createQueryRunner();
    runner.enableSqlMemory();
    await runner.createTable(new Table({ name: 'orders', columns: [{ name: 'id', type: 'integer' }] }));
    const gathered = runner.getMemorySql().upQueries.map(({ query }) => query);
    expect(gathered).toHaveLength(1);
    await counts();
    await counts();
    expect(runner.getMemorySql().upQueries.map(({ query }) => query)).toEqual(gathered);
    runner.disableSqlMemory();
  });
});
