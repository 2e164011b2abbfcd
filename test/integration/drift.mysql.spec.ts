import { createConnection } from 'mysql2/promise';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openSession } from '../../lib/drift/open';
import { readDrift } from '../../lib/drift/read';
import { closeDataSources } from '../support/data-sources';
import { MYSQL_SERVERS, type TestDatabase, uniqueName } from '../support/databases';
import { brief, driftOf, generated, makeSchema } from '../support/drift/case';
import { openChain } from '../support/drift/entities';
import { StatementLog } from '../support/statements';
import { poolState } from '../support/waiting';
import { WireTap } from '../support/wire-tap';

describe.each(MYSQL_SERVERS)('Drift on $name', ({ name, type, available, create }) => {
  const user = uniqueName('r').slice(0, 16);
  let database: TestDatabase;

  beforeAll(async () => {
    if (!available) return;
    const server = await create();
    await server.run(`CREATE USER ${user} IDENTIFIED BY 'reader'`);
    await server.drop();
  });
  afterAll(async () => {
    if (!available) return;
    const server = await create();
    await server.run(`DROP USER ${user}`);
    await server.drop();
  });
  beforeEach(async () => {
    if (available) database = await create();
  });
  afterEach(async () => {
    await closeDataSources();
    if (available) await database.drop();
  });

  const open = (options: object = {}, count = 3) => openChain({ type, url: database.url, ...options }, count);

  async function openMade(options: object = {}, count = 3): Promise<DataSource> {
    await makeSchema(await open({}, count));
    return open(options, count);
  }

  it.skipIf(!available)('sends reads only, in a read-only transaction that it rolls back', async () => {
    await makeSchema(await open());
    const tap = await WireTap.before(database.url);
    const dataSource = await open({ url: tap.url(database.url) });
    const reads = async () => {
      tap.statements.length = 0;
      const drift = await driftOf(dataSource);
      const [show, set, start, ...rest] = [...tap.statements];
      expect(show).toMatch(/^SHOW SESSION VARIABLES WHERE/);
      expect(set).toMatch(
        /^SET SESSION lock_wait_timeout = 1, max_(execution_time = 10000|statement_time = 10)$/,
      );
      expect(start).toBe('START TRANSACTION READ ONLY');
      expect(rest.splice(-2)).toEqual([
        'ROLLBACK',
        expect.stringMatching(/^SET SESSION lock_wait_timeout = \d+, /),
      ]);
      expect(rest.length).toBeGreaterThan(5);
      for (const sent of rest) expect(sent).toMatch(/^\s*(SELECT|SHOW)\b/);
      return drift;
    };
    expect(await reads()).toEqual([]);
    await database.run(
      'CREATE INDEX by_hand ON t1 (id)',
      'ALTER TABLE t2 DROP COLUMN amount',
      'ALTER TABLE t2 DROP FOREIGN KEY ' + (await foreignKey('t2', 'previousId')),
    );
    expect(await reads()).toHaveLength(5);
    await tap.close();
  });

  const foreignKey = async (table: string, column: string) => {
    const rows = await database.run(
      `SELECT constraint_name AS name FROM information_schema.key_column_usage
        WHERE table_schema = '${database.name}' AND table_name = '${table}' AND column_name = '${column}'`,
    );
    return (rows as { name: string }[])[0]?.name ?? '';
  };

  it.skipIf(!available)('cannot write: the server refuses it', async () => {
    const dataSource = await openMade();
    const session = openSession(dataSource, 1000);
    await session.begin();
    await expect(session.query('DELETE FROM t0')).rejects.toMatchObject({ errno: 1792 });
    await session.end();
    expect(poolState(dataSource)).toMatchObject({ lent: 0 });
  });

  it.skipIf(!available)(
    "puts the session's time-outs back, which the application goes on to use",
    async () => {
      const dataSource = await openMade({ extra: { connectionLimit: 1 } });
      const settings = () =>
        dataSource.query(
          "SHOW SESSION VARIABLES WHERE Variable_name REGEXP '^(lock_wait|max_(exec|statement))'",
        );
      await dataSource.query('SET SESSION lock_wait_timeout = 77');
      const before: unknown = await settings();
      expect(await driftOf(dataSource)).toEqual([]);
      expect(await settings()).toEqual(before);
      expect(before).toContainEqual({ Variable_name: 'lock_wait_timeout', Value: '77' });
    },
  );

  it.skipIf(!available)('is silent', async () => {
    const log = new StatementLog();
    const dataSource = await openMade({ logger: log, logging: true });
    await database.run('CREATE INDEX by_hand ON t1 (id)');
    log.take();
    expect(await driftOf(dataSource)).toEqual(['drop index t1.by_hand 1']);
    expect(log.take()).toEqual([]);
  });

  it.skipIf(!available)(
    'counts in slices what migration:generate emits, also where keys cross them',
    async () => {
      const dataSource = await openMade({}, 25);
      await database.run(
        'ALTER TABLE t15 MODIFY code varchar(30) NOT NULL',
        'CREATE INDEX by_hand ON t24 (code)',
        'ALTER TABLE t20 DROP COLUMN amount',
        'SET foreign_key_checks = 0',
        "ALTER TABLE t0 MODIFY id int NOT NULL COMMENT 'by hand'",
      );
      const reading = await readDrift(dataSource, { timeout: 10_000 });
      const exact = await generated(dataSource);
      expect(exact).toBeGreaterThan(40);
      expect(reading).toMatchObject({ statements: exact });
      const whole = await readDrift(dataSource, { timeout: 10_000, whole: true });
      expect([...brief(reading)].sort()).toEqual([...brief(whole)].sort());
    },
  );

  it.skipIf(!available)(
    'neither waits for a migration nor keeps one waiting longer than the time-outs',
    async () => {
      const dataSource = await openMade();
      const client = await createConnection(database.url);
      await client.query('LOCK TABLES t1 WRITE');
      expect([[], 'timeout']).toContainEqual(await driftOf(dataSource, { timeout: 60_000 }));
      await client.query('UNLOCK TABLES');
      await client.end();

      const session = openSession(dataSource, 5000);
      await session.begin();
      await session.view.builder(dataSource.entityMetadatas, session.runner, false).log();
      await database.run('SET lock_wait_timeout = 1', 'ALTER TABLE t1 ADD x int');
      await session.end();
    },
  );

  it.skipIf(!available)('gives up in time and ends its statement', async () => {
    const dataSource = await openMade();
    const session = openSession(dataSource, 60_000);
    await session.begin();
    const sleeping = session.query('SELECT sleep(20)').then(
      () => 'answered',
      () => 'failed',
    );
    const asleep = () =>
      database.run("SELECT id FROM information_schema.processlist WHERE info = 'SELECT sleep(20)'");
    await expect.poll(asleep).toHaveLength(1);
    session.destroy();
    expect(await sleeping).toBe('failed');
    await expect.poll(asleep).toHaveLength(0);
    await session.end();
    expect(poolState(dataSource)).toMatchObject({ lent: 0, waiting: 0 });
    expect(await driftOf(dataSource)).toEqual([]);
  });

  it.skipIf(!available)('ends at once on a signal', async () => {
    const dataSource = await openMade();
    const stop = new AbortController();
    const reading = driftOf(dataSource, { signal: stop.signal });
    stop.abort();
    expect(await reading).toBe('timeout');
    await expect.poll(() => poolState(dataSource)).toMatchObject({ lent: 0, waiting: 0 });
    expect(await driftOf(dataSource)).toEqual([]);
  });

  describe('asked by a user', () => {
    const asUser = async (...grants: string[]) => {
      await makeSchema(await open());
      await database.run(...grants.map((grant) => `GRANT ${grant} TO ${user}`));
      const reader = await open({ url: database.as(user, 'reader') });
      const drift = await driftOf(reader);
      await reader.destroy();
      await database.run(`REVOKE ALL PRIVILEGES, GRANT OPTION FROM ${user}`);
      return drift;
    };
    const on = (right: string, ...tables: string[]) =>
      tables.map((table) => `${right} ON ${database.name}.${table}`);

    it.skipIf(!available)('with a right on one table of three, is denied', async () => {
      expect(await asUser(...on('SELECT', 't0'))).toBe('denied');
    });

    it.skipIf(!available)('with a right on no table of the entities, is denied', async () => {
      await database.run('CREATE TABLE migrations (id int)');
      expect(await asUser(...on('SELECT', 'migrations'))).toBe('denied');
    });

    it.skipIf(!available)('with a right on some columns, is denied', async () => {
      expect(await asUser(...on('SELECT', 't0', 't1'), ...on('SELECT (id)', 't2'))).toBe('denied');
    });

    it.skipIf(!available)(
      'with SELECT on all tables, is told, or denied where MariaDB hides the keys',
      async () => {
        expect(await asUser(...on('SELECT', '*'))).toEqual(name === 'MariaDB' ? 'denied' : []);
      },
    );

    it.skipIf(!available)('with the rights of the application, is told', async () => {
      expect(await asUser(...on('SELECT, INSERT, UPDATE, DELETE', '*'))).toEqual([]);
    });

    it.skipIf(!available)('is told of a table, a column and a key that are missing indeed', async () => {
      await makeSchema(await open());
      await database.run(
        'ALTER TABLE t1 DROP COLUMN amount',
        'DROP TABLE t2',
        `GRANT SELECT, INSERT ON ${database.name}.* TO ${user}`,
      );
      const reader = await open({ url: database.as(user, 'reader') });
      expect(await driftOf(reader)).toEqual(
        expect.arrayContaining(['create table t2 1', 'add column t1.amount 1']),
      );
      await database.run(`REVOKE ALL PRIVILEGES, GRANT OPTION FROM ${user}`);
    });
  });
});
