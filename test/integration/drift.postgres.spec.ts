import { Client } from 'pg';
import { DataSource, EntitySchema } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openSession } from '../../lib/drift/open';
import { readDrift } from '../../lib/drift/read';
import { DriftSchedule } from '../../lib/drift/schedule';
import { closeDataSources } from '../support/data-sources';
import {
  createPostgres,
  createPostgresWithReader,
  type TestDatabase,
  uniqueName,
} from '../support/databases';
import { brief, driftOf, generated, makeSchema } from '../support/drift/case';
import { openChain } from '../support/drift/entities';
import { interceptStatements } from '../support/intercept';
import { StatementLog } from '../support/statements';
import { TcpProxy } from '../support/tcp-proxy';
import { footprint, grownSince, poolState } from '../support/waiting';
import { WireTap } from '../support/wire-tap';

const role = uniqueName('reader');
let database: TestDatabase;
const held: (() => Promise<void>)[] = [];

beforeAll(async () => {
  database = await createPostgresWithReader(role);
});
afterAll(() => database.drop());
beforeEach(() =>
  database.run(
    'DROP SCHEMA IF EXISTS app CASCADE',
    'DROP SCHEMA public CASCADE',
    'CREATE SCHEMA public',
    `GRANT USAGE ON SCHEMA public TO ${role}`,
  ),
);
afterEach(async () => {
  // A test that fails must not keep its locks: the next one drops the schema.
  for (const release of held.splice(0)) await release();
  await closeDataSources();
});

const open = (options: object = {}, count = 3) =>
  openChain({ type: 'postgres', url: database.url, ...options }, count);

/** A DataSource whose schema is as TypeORM makes it. */
async function openMade(options: object = {}, count = 3): Promise<DataSource> {
  await makeSchema(await open({}, count));
  return open(options, count);
}

/** Statements that keep a transaction open until the function that it returns is called. */
async function hold(...statements: string[]): Promise<() => Promise<void>> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  const release = () => client.end();
  held.push(release);
  for (const statement of ['BEGIN', ...statements]) await client.query(statement);
  return release;
}

/** Stops a reading when it has seen everything, and its transaction is open still. */
function holdRollback(dataSource: DataSource): { reached: Promise<void>; release(): void } {
  let release!: () => void;
  const held = new Promise<void>((resolve) => (release = resolve));
  const createQueryRunner = dataSource.createQueryRunner.bind(dataSource);
  const reached = new Promise<void>((resolve) => {
    dataSource.createQueryRunner = (mode) => {
      const runner = createQueryRunner(mode);
      const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<unknown>;
      const holding = async (...args: unknown[]) => {
        if (args[0] === 'ROLLBACK') resolve();
        if (args[0] === 'ROLLBACK') await held;
        return query(...args);
      };
      return Object.assign(runner, { query: holding });
    };
  });
  return { reached, release };
}

const backends = async () =>
  await database.run(
    `SELECT query FROM pg_stat_activity WHERE datname = '${database.name}' AND pid <> pg_backend_pid() AND state <> 'idle'`,
  );

describe('Drift on PostgreSQL', () => {
  it('sends reads only, in a read-only transaction that it rolls back', async () => {
    await makeSchema(await open());
    const tap = await WireTap.before(database.url);
    const dataSource = await open({ url: tap.url(database.url) });
    const reads = async () => {
      tap.statements.length = 0;
      const drift = await driftOf(dataSource);
      const [begin, lock, statement, ...rest] = [...tap.statements];
      expect(begin).toBe('BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY');
      expect([lock, statement]).toEqual([
        'SET LOCAL lock_timeout = 1000',
        'SET LOCAL statement_timeout = 10000',
      ]);
      expect(rest.pop()).toBe('ROLLBACK');
      expect(rest.length).toBeGreaterThan(5);
      for (const sent of rest) expect(sent).toMatch(/^\s*(SELECT|WITH)\b/);
      return drift;
    };
    expect(await reads()).toEqual([]);
    await database.run(
      'CREATE INDEX by_hand ON t1 (id)',
      'ALTER TABLE t2 DROP COLUMN amount',
      'DROP TABLE t1 CASCADE',
    );
    expect(await reads()).toHaveLength(6);
    await tap.close();
  });

  it('cannot write: the server refuses it', async () => {
    const session = openSession(await open(), 1000);
    await session.begin();
    await expect(session.query('CREATE TABLE o (id int)')).rejects.toMatchObject({ code: '25006' });
    await session.end();
  });

  it('leaves connection and DataSource as they were', async () => {
    const dataSource = await openMade({ extra: { max: 1 } });
    const setting = () => dataSource.query("SELECT current_setting('statement_timeout') AS is");
    const before: unknown = await setting();
    const properties = { ...dataSource };
    const ofDriver = { ...dataSource.driver };
    const footprintBefore = footprint(dataSource);
    await database.run('CREATE INDEX by_hand ON t1 (id)');
    expect(await driftOf(dataSource)).toEqual(['drop index t1.by_hand 1']);
    expect(await setting()).toEqual(before);
    for (const [name, value] of Object.entries(properties)) expect(Reflect.get(dataSource, name)).toBe(value);
    for (const [name, value] of Object.entries(ofDriver)) {
      expect(Reflect.get(dataSource.driver, name)).toBe(value);
    }
    expect(await grownSince(footprintBefore, () => footprint(dataSource))).toEqual({});
  });

  it('is silent: neither the logger nor a subscriber of the application hears of it', async () => {
    const log = new StatementLog();
    const told = vi.spyOn(log, 'logSchemaBuild');
    const beforeQuery = vi.fn();
    const dataSource = await openMade({ logger: log, logging: true, maxQueryExecutionTime: 0.0001 });
    dataSource.subscribers.push({ beforeQuery, afterQuery: beforeQuery });
    await database.run('CREATE INDEX by_hand ON t1 (id)');
    log.take();
    expect(await driftOf(dataSource)).toEqual(['drop index t1.by_hand 1']);
    expect(log.take()).toEqual([]);
    expect(told).not.toHaveBeenCalled();
    expect(beforeQuery).not.toHaveBeenCalled();
  });

  it('is silent as well where the application has instrumented createQueryRunner()', async () => {
    const log = new StatementLog();
    const dataSource = await openMade({ logger: log, logging: true });
    interceptStatements(dataSource, (send) => send());
    log.take();
    expect(await driftOf(dataSource)).toEqual([]);
    expect(log.take()).toEqual([]);
  });

  it('sends one statement at a time: node-postgres warns of several', async () => {
    const kind = { type: 'enum' as const, enum: ['x', 'y'] };
    const entities = ['a', 'b'].map(
      (name) =>
        new EntitySchema({
          name,
          columns: { id: { type: Number, primary: true }, one: kind, other: kind },
        }),
    );
    const dataSource = await open({ entities });
    await makeSchema(dataSource);
    let underWay = 0;
    let most = 0;
    interceptStatements(dataSource, async (send) => {
      most = Math.max(most, (underWay += 1));
      try {
        return await send();
      } finally {
        underWay -= 1;
      }
    });
    expect(await driftOf(dataSource)).toEqual([]);
    expect(most).toBe(1);
  });

  it('counts in slices what migration:generate emits, also where keys cross them', async () => {
    const dataSource = await openMade({}, 35);
    await database.run(
      'ALTER TABLE t0 ALTER COLUMN id TYPE bigint',
      'ALTER TABLE t15 ALTER COLUMN code TYPE varchar(30)',
      'CREATE INDEX by_hand ON t34 (code)',
      'ALTER TABLE t20 DROP COLUMN amount',
    );
    const reading = await readDrift(dataSource, { timeout: 10_000 });
    const whole = await readDrift(dataSource, { timeout: 10_000, whole: true });
    const exact = await generated(dataSource);
    expect(exact).toBeGreaterThan(70);
    expect(reading).toMatchObject({ statements: exact });
    expect(whole).toMatchObject({ statements: exact });
    expect([...brief(reading)].sort()).toEqual([...brief(whole)].sort());
    expect(brief(reading)).toContain('drop index t34.by_hand 1');
  });

  describe('beside a migration', () => {
    it('waits for its lock no longer than a second, whatever its own time-out', async () => {
      const dataSource = await openMade();
      const release = await hold('ALTER TABLE t1 ADD x int');
      expect(await driftOf(dataSource, { timeout: 60_000 })).toBe('timeout');
      await release();
      expect(await driftOf(dataSource)).toEqual([]);
    });

    it('keeps no lock that a migration would have to wait for', async () => {
      const dataSource = await openMade();
      const rollback = holdRollback(dataSource);
      const drift = driftOf(dataSource);
      await rollback.reached;
      await database.run("SET lock_timeout = '500ms'", 'ALTER TABLE t1 ADD x int', 'ALTER TABLE t1 DROP x');
      rollback.release();
      expect(await drift).toEqual([]);
    });
  });

  describe('when it takes too long', () => {
    it('gives up, destroys its connection and ends its statement', async () => {
      const dataSource = await openMade();
      const release = await hold('ALTER TABLE t1 ADD x int');
      const reading = driftOf(dataSource, { timeout: 300 });
      await expect.poll(backends).toHaveLength(2);
      expect(await reading).toBe('timeout');
      await expect.poll(backends).toHaveLength(1);
      await release();
      expect(poolState(dataSource)).toMatchObject({ lent: 0, waiting: 0 });
      expect(await driftOf(dataSource)).toEqual([]);
    });

    it('answers in time though the server is silent', async () => {
      await makeSchema(await open());
      const proxy = await TcpProxy.before(database.url, 5432);
      const dataSource = await open({ url: proxy.url(database.url) });
      proxy.set('stall');
      expect(await driftOf(dataSource, { timeout: 300 })).toBe('timeout');
      await proxy.close();
    });

    it('answers in time though the pool has no connection left', async () => {
      const dataSource = await openMade({ extra: { max: 1 } });
      const runner = dataSource.createQueryRunner();
      await runner.connect();
      expect(await driftOf(dataSource, { timeout: 200 })).toBe('timeout');
      await runner.release();
      expect(await driftOf(dataSource)).toEqual([]);
      await expect.poll(() => poolState(dataSource)).toMatchObject({ lent: 0, waiting: 0 });
    });

    it('ends at once on a signal', async () => {
      const dataSource = await openMade();
      const release = await hold('ALTER TABLE t1 ADD x int');
      const stop = new AbortController();
      const reading = driftOf(dataSource, { signal: stop.signal });
      await expect.poll(backends).toHaveLength(2);
      stop.abort();
      expect(await reading).toBe('timeout');
      await expect.poll(backends).toHaveLength(1);
      await release();
      expect(await driftOf(dataSource, { signal: stop.signal })).toBe('timeout');
    });

    it('holds no connection once its schedule is stopped, so that the DataSource can be destroyed', async () => {
      const dataSource = await openMade();
      const release = await hold('ALTER TABLE t1 ADD x int');
      const state = { defined: [], applied: [], unapplied: [], unknown: [], outOfOrder: [] };
      const schedule = new DriftSchedule({
        interval: 60_000,
        timeout: 60_000,
        targets: () => [{ connection: 'default', dataSource, state: async () => state }],
        onReading: () => {},
      });
      schedule.start();
      await expect.poll(backends).toHaveLength(2);
      schedule.stop();
      await expect.poll(() => poolState(dataSource)).toMatchObject({ lent: 0, waiting: 0 });
      await dataSource.destroy();
      await release();
    });
  });

  describe('asked by a role', () => {
    const asReader = async (...grants: string[]) => {
      await makeSchema(await open());
      await database.run(...grants.map((grant) => `GRANT ${grant} TO ${role}`));
      return driftOf(await open({ url: database.as(role, 'reader') }));
    };

    it.each([
      ['no right', []],
      ['a right on one table of three', ['SELECT ON t0']],
      ['a right on some columns', ['SELECT ON t0, t1', 'SELECT (id) ON t2']],
      ['rights to write, and none to read', ['INSERT, UPDATE ON t0, t1, t2']],
    ])('with %s, is denied', async (_, grants) => {
      expect(await asReader(...grants)).toBe('denied');
    });

    it.each([
      ['SELECT', ['SELECT ON t0, t1, t2']],
      ['all of the application', ['SELECT, INSERT, UPDATE, DELETE ON t0, t1, t2']],
    ])('with %s, is told', async (_, grants) => {
      expect(await asReader(...grants)).toEqual([]);
    });

    it('without USAGE on the schema, is denied', async () => {
      await makeSchema(await open());
      await database.run(
        `GRANT SELECT ON t0, t1, t2 TO ${role}`,
        `REVOKE USAGE ON SCHEMA public FROM ${role}`,
      );
      expect(await driftOf(await open({ url: database.as(role, 'reader') }))).toBe('denied');
    });

    it('with no right on the schema that the option names, is denied', async () => {
      await database.run('CREATE SCHEMA app');
      await makeSchema(await open({ schema: 'app' }));
      const reader = await open({ url: database.as(role, 'reader'), schema: 'app' });
      expect(await driftOf(reader)).toBe('denied');
    });

    it('is not denied for a table of the same name in another schema', async () => {
      await database.run('CREATE SCHEMA app', 'CREATE TABLE app.t0 (id int)');
      const reader = await asReader('SELECT ON t0, t1, t2');
      expect(reader).toEqual([]);
    });
  });

  it('is not told of a DataSource that is not connected, or whose server is gone', async () => {
    expect(await driftOf(new DataSource({ type: 'postgres', url: database.url }))).toBe('unreadable');
    const gone = await createPostgres();
    const dataSource = await open({ url: gone.url });
    await gone.drop();
    // The first may still meet the connection that was ended.
    await driftOf(dataSource);
    expect(await driftOf(dataSource)).toBe('unreadable');
  });

  it('never throws', async () => {
    const throwing = new Proxy(await open(), {
      get() {
        throw new Error('of the application');
      },
    });
    expect(await driftOf(throwing)).toBe('other');
    expect(await driftOf({} as DataSource)).toBe('unreadable');
    const broken = await openMade();
    Object.assign(broken, { entityMetadatas: [null] });
    expect(await driftOf(broken)).toBe('other');
    expect(poolState(broken)).toMatchObject({ lent: 0 });
  });
});
