import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type DataSource, EntitySchema, Table } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSession } from '../../lib/drift/open';
import { readDrift } from '../../lib/drift/read';
import { closeDataSources } from '../support/data-sources';
import { brief, driftOf, generated, makeSchema } from '../support/drift/case';
import { openChain } from '../support/drift/entities';
import { StatementLog } from '../support/statements';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drift-'));
  file = join(folder, 'file.sqlite');
});
afterEach(async () => {
  await closeDataSources();
  await rm(folder, { recursive: true });
});

/** Durable writes are slow, and these tests need none. */
const skipSync = (database: Database.Database) => void database.pragma('synchronous = OFF');

const open = (options: object = {}, count = 3) =>
  openChain({ type: 'better-sqlite3', database: file, prepareDatabase: skipSync, ...options }, count);

async function openMade(options: object = {}, count = 3): Promise<DataSource> {
  const dataSource = await open(options, count);
  await makeSchema(dataSource);
  return dataSource;
}

describe('Drift on SQLite', () => {
  it.each([{}, { enableWAL: true }])('is read without a trace in the file, with %j', async (options) => {
    const dataSource = await openMade(options);
    await dataSource.query('CREATE INDEX by_hand ON t1 (id)');
    const before = { names: await readdir(folder), bytes: await readFile(file) };
    expect(await driftOf(dataSource)).toEqual(['drop index t1.by_hand 1']);
    expect(await readdir(folder)).toEqual(before.names);
    expect(before.bytes.equals(await readFile(file))).toBe(true);
  });

  it('cannot write: SQLite refuses it', async () => {
    const session = openSession(await openMade(), 1000);
    await session.begin();
    await expect(session.query('DELETE FROM t0')).rejects.toThrow(/readonly/);
    await session.end();
  });

  it('sends nothing through the connection of the application, and logs nothing', async () => {
    const log = new StatementLog();
    const verbose: unknown[] = [];
    const dataSource = await openMade({
      logger: log,
      logging: true,
      verbose: (sql: unknown) => verbose.push(sql),
    });
    log.take();
    verbose.length = 0;
    expect(await driftOf(dataSource)).toEqual([]);
    expect(log.take()).toEqual([]);
    expect(verbose).toEqual([]);
  });

  describe('while the application creates 900 tables', () => {
    /** How many of them there are, if the schema is read all the while. */
    async function createdBeside(read: (dataSource: DataSource) => Promise<unknown>): Promise<number> {
      const dataSource = await openMade();
      const runner = dataSource.createQueryRunner();
      const columns = [{ name: 'id', type: 'integer', isPrimary: true }];
      for (let round = 0; round < 45; round += 1) {
        // Both go on in the same turn of the event loop, in which SQLite answers.
        const reading = read(dataSource);
        for (let index = 0; index < 20; index += 1) {
          await runner.createTable(new Table({ name: `made_${round}_${index}`, columns }));
        }
        await reading;
      }
      const database = new Database(file, { readonly: true });
      const made = database.prepare(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'made_%'",
      );
      try {
        return made.all().length;
      } finally {
        database.close();
      }
    }

    it('loses none of them', async () => {
      expect(await createdBeside((dataSource) => readDrift(dataSource, { timeout: 10_000 }))).toBe(900);
    });

    it('would lose some through the query runner that all share', async () => {
      expect(await createdBeside((dataSource) => dataSource.driver.createSchemaBuilder().log())).toBeLessThan(
        900,
      );
    });
  });

  it('does not keep the application from committing', async () => {
    const dataSource = await openMade({ timeout: 0 }, 60);
    let commits = 0;
    const reading = readDrift(dataSource, { timeout: 10_000 });
    let isDone = false;
    void reading.then(() => (isDone = true));
    while (!isDone) {
      await dataSource.transaction((manager) =>
        manager.query('INSERT INTO t0 (id, code) VALUES (NULL, hex(randomblob(8)))'),
      );
      commits += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await reading).toMatchObject({ statements: 0 });
    expect(commits).toBeGreaterThan(1);
  });

  it('does not wait for a transaction of the application, which would wait for it', async () => {
    const dataSource = await openMade();
    await dataSource.query('BEGIN EXCLUSIVE');
    expect(await driftOf(dataSource)).toBe('timeout');
    await dataSource.query('ROLLBACK');
    const session = openSession(dataSource, 1000);
    await session.begin();
    expect(await session.query('PRAGMA busy_timeout')).toEqual([{ timeout: 0 }]);
    await session.end();
    expect(await driftOf(dataSource)).toEqual([]);
  });

  it('counts in slices what migration:generate emits', async () => {
    const dataSource = await openMade({}, 25);
    await dataSource.query('ALTER TABLE t20 ADD COLUMN by_hand varchar');
    await dataSource.query('CREATE INDEX by_hand ON t24 (code)');
    await dataSource.query('DROP INDEX by_amount_3');
    await dataSource.query('ALTER TABLE t3 DROP COLUMN amount');
    await dataSource.query('ALTER TABLE t3 ADD COLUMN amount varchar');
    await dataSource.query('ALTER TABLE t7 RENAME COLUMN code TO codes');
    const reading = await readDrift(dataSource, { timeout: 10_000 });
    expect(reading).toMatchObject({ statements: await generated(dataSource) });
    const whole = await readDrift(dataSource, { timeout: 10_000, whole: true });
    expect([...brief(reading)].sort()).toEqual([...brief(whole)].sort());
  });

  it('lets the event loop turn between slices', async () => {
    const dataSource = await openMade({}, 45);
    let turns = 0;
    let isDone = false;
    const count = () => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    count();
    await readDrift(dataSource, { timeout: 10_000 });
    isDone = true;
    expect(turns).toBeGreaterThanOrEqual(5);
  });

  it('reads attached databases', async () => {
    const other = join(folder, 'other.sqlite');
    const entity = new EntitySchema({
      name: 'far',
      database: other,
      columns: { id: { type: Number, primary: true }, v: { type: Number } },
    });
    const dataSource = await openMade({ entities: [entity] });
    expect(await driftOf(dataSource)).toEqual([]);
    const attached = new Database(other);
    attached.exec('CREATE INDEX by_hand ON far (v)');
    attached.close();
    expect(await driftOf(dataSource)).toHaveLength(1);
  });

  it('prepares its connection as the application does, but for what would write', async () => {
    const prepareDatabase = (database: Database.Database) => {
      database.function('twice', (value) => Number(value) * 2);
      database.exec('CREATE TABLE IF NOT EXISTS prepared (id integer)');
    };
    const dataSource = await openMade({ prepareDatabase });
    await dataSource.query('DROP TABLE prepared');
    expect(await driftOf(dataSource)).toEqual([]);
  });

  it('closes its connection', async () => {
    const dataSource = await openMade();
    const descriptors = async () => (await readdir('/proc/self/fd')).length;
    const before = await descriptors();
    for (let reading = 0; reading < 5; reading += 1) await driftOf(dataSource);
    const stop = new AbortController();
    const stopped = driftOf(dataSource, { signal: stop.signal });
    stop.abort();
    expect(await stopped).toBe('timeout');
    await driftOf(dataSource);
    expect(await descriptors()).toBe(before);
  });

  it.each([':memory:', ''])(
    'is not read of the database %j, which has one connection for all',
    async (database) => {
      expect(await driftOf(await openMade({ database }))).toBe('shared_connection');
    },
  );

  it('is not read of sql.js, which has one connection for all', async () => {
    const dataSource = await open({ type: 'sqljs', database: undefined });
    expect(await driftOf(dataSource)).toBe('shared_connection');
  });

  it('is not told where the file is gone, and makes none', async () => {
    const dataSource = await openMade();
    await rm(file);
    expect(await driftOf(dataSource)).toBe('unreadable');
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('Drift on other databases', () => {
  it('is unsupported', async () => {
    for (const type of ['mongodb', 'cockroachdb', 'mssql', 'oracle', 'expo', 'aurora-postgres']) {
      const dataSource = { isInitialized: true, options: { type } } as unknown as DataSource;
      expect(await driftOf(dataSource)).toBe('unsupported');
    }
  });
});
