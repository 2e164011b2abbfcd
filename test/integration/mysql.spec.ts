import { createPool } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { killStatement } from '../../lib/migration/kill';
import { closeDataSources, openDataSource, runMigrations } from '../support/data-sources';
import { DIALECTS, lockTable, waitingFor } from '../faults/faults';
import { type TestDatabase, uniqueName } from '../support/databases';
import { defineMigrations } from '../support/migrations';
import { countsOf } from '../support/reading';

const migrations = defineMigrations(3);

for (const dialect of DIALECTS.filter(({ type }) => type !== 'postgres')) {
  const { name, type, available, create } = dialect;
  describe.skipIf(!available)(name, () => {
    const role = uniqueName('r');
    const createRole = [`CREATE USER ${role}@'%' IDENTIFIED BY 'reader'`];
    let database: TestDatabase;

    beforeAll(async () => {
      database = await create();
      await database.run(...createRole, `CREATE TABLE other (id int)`);
    });
    afterAll(async () => {
      await database.run(`DROP USER ${role}@'%'`);
      await database.drop();
    });
    beforeEach(() => database.run('DROP TABLE IF EXISTS migrations, `Schema ``History```'));
    afterEach(closeDataSources);

    const open = (options: object = {}) =>
      openDataSource({ type: type as 'mysql', url: database.url, migrations, ...options });
    const asReader = () => open({ url: database.as(role, 'reader') });
    const migrate = (count: number, options: object = {}) =>
      runMigrations({ type, url: database.url, ...options, migrations: migrations.slice(0, count) });
    const tables = () => database.run('SHOW TABLES');

    it('reads a missing table as nothing applied, and does not create it', async () => {
      const before = await tables();
      const { dataSource, log } = await open();
      expect(await countsOf(dataSource)()).toEqual({ applied: 0, unapplied: 3 });
      expect(await tables()).toEqual(before);
      expect(log.take()).toHaveLength(1);
    });

    it('sends one statement at a reading, and sees what another process applies', async () => {
      await migrate(1);
      const { dataSource, log } = await open();
      const counts = countsOf(dataSource);
      expect(await counts()).toEqual({ applied: 1, unapplied: 2 });
      await migrate(3);
      expect(await counts()).toEqual({ applied: 3, unapplied: 0 });
      expect(log.take()).toEqual(Array(2).fill(`SELECT \`name\` FROM \`${database.name}\`.\`migrations\``));
    });

    it('reads the table of another name that needs quoting', async () => {
      const options = { migrationsTableName: 'Schema `History`' };
      const { dataSource } = await open(options);
      const counts = countsOf(dataSource);
      expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
      await database.run(
        'CREATE TABLE `Schema ``History``` (id int auto_increment primary key, timestamp bigint, name varchar(255))',
        "INSERT INTO `Schema ``History``` (timestamp, name) VALUES (1700000000000, 'Step1700000000000')",
      );
      expect(await counts()).toEqual({ applied: 1, unapplied: 2 });
    });

    it('counts a row that stands there twice once', async () => {
      await migrate(2);
      await database.run('INSERT INTO migrations (timestamp, name) SELECT timestamp, name FROM migrations');
      const { dataSource } = await open();
      expect(await countsOf(dataSource)()).toEqual({ applied: 2, unapplied: 1 });
    });

    it('reads a table that is dropped and comes back', async () => {
      await migrate(3);
      const { dataSource } = await open();
      const counts = countsOf(dataSource);
      expect(await counts()).toEqual({ applied: 3, unapplied: 0 });
      await database.run('DROP TABLE migrations');
      expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
      await migrate(1);
      expect(await counts()).toEqual({ applied: 1, unapplied: 2 });
    });

    it('denies a role that may not SELECT, and reads for one that may do nothing else', async () => {
      await migrate(2);
      await database.run(`GRANT SELECT ON ${database.name}.other TO ${role}@'%'`);
      const { dataSource } = await asReader();
      const counts = countsOf(dataSource);
      expect(await counts()).toBe('denied');
      await database.run(`GRANT SELECT ON ${database.name}.migrations TO ${role}@'%'`);
      expect(await counts()).toEqual({ applied: 2, unapplied: 1 });
      await database.run(`REVOKE SELECT ON ${database.name}.migrations FROM ${role}@'%'`);
      expect(await counts()).toBe('denied');
    });

    /** Ends the role's connections, so that the next reading needs a new one. */
    async function disconnect() {
      const connections = 'SELECT id AS id FROM information_schema.processlist WHERE user = ';
      for (const { id } of (await database.run(`${connections}'${role}'`)) as { id: number }[])
        await database.run(`KILL ${id}`);
      await expect.poll(() => database.run(`${connections}'${role}'`)).toEqual([]);
    }

    it.each([
      ['another password', `ALTER USER ${role}@'%' IDENTIFIED BY 'other'`, 'denied'],
      ['a locked account', `ALTER USER ${role}@'%' ACCOUNT LOCK`, 'denied'],
      ['an expired password', `ALTER USER ${role}@'%' PASSWORD EXPIRE`, 'denied'],
      ['a connection that must be encrypted', `ALTER USER ${role}@'%' REQUIRE SSL`, 'denied'],
      ['no privilege in the database', `REVOKE SELECT ON migrations FROM ${role}@'%'`, 'denied'],
      [
        'a privilege through a role that is not active',
        `REVOKE SELECT ON migrations FROM ${role}@'%'; CREATE ROLE ${role}_; ` +
          `GRANT SELECT ON migrations TO ${role}_; GRANT ${role}_ TO ${role}@'%'`,
        'denied',
      ],
      [
        'a privilege on another column',
        `REVOKE SELECT ON migrations FROM ${role}@'%'; GRANT SELECT (id) ON migrations TO ${role}@'%'`,
        'denied',
      ],
      [
        'a privilege on no other column',
        `REVOKE SELECT ON migrations FROM ${role}@'%'; GRANT SELECT (name) ON migrations TO ${role}@'%'`,
        { applied: 2, unapplied: 1 },
      ],
      ['no connection', 'SELECT 1', { applied: 2, unapplied: 1 }],
    ])('reads with %s what the server says', async (_what, statements, expected) => {
      await migrate(2);
      await database.run(`DROP ROLE IF EXISTS ${role}_`, `DROP USER ${role}@'%'`, ...createRole);
      await database.run(`GRANT SELECT ON migrations TO ${role}@'%'`);
      const { dataSource } = await asReader();
      const counts = countsOf(dataSource);
      expect(await counts()).toEqual({ applied: 2, unapplied: 1 });
      await database.run(...statements.split('; '));
      await disconnect();
      expect(await counts()).toEqual(expected);
      await database.run(`DROP ROLE IF EXISTS ${role}_`);
    });

    it('reads nothing when an administrator ends the statement', async () => {
      await migrate(2);
      const { dataSource } = await open();
      const counts = countsOf(dataSource);
      const unlock = await lockTable(dialect, database);
      const reading = counts();
      await expect.poll(() => waitingFor(dialect, database)).toBe(1);
      const [waiting] = (await database.run(
        `SELECT id AS id FROM information_schema.processlist WHERE db = database() AND state LIKE 'Waiting%'`,
      )) as { id: number }[];
      await database.run(`KILL QUERY ${waiting?.id}`);
      expect(await reading).toBe('timeout');
      await unlock();
      expect(await counts()).toEqual({ applied: 2, unapplied: 1 });
    });

    it('ends the statement of a client that was destroyed, and no other of the same number', async () => {
      const pool = createPool(database.url);
      const connection = await pool.getConnection();
      const client: unknown = connection.connection;
      const statement = 'SELECT sleep(20) AS interrupted';
      const isUnderWay = async () => {
        const all = await database.run('SELECT info FROM information_schema.processlist');
        return (all as { info?: string; INFO?: string }[]).some(
          ({ info, INFO }) => (info ?? INFO) === statement,
        );
      };
      const ended = connection.query(statement).then(
        () => 'answered',
        () => 'failed',
      );
      await expect.poll(isUnderWay).toBe(true);
      killStatement(client, 'SELECT sleep(10) AS interrupted');
      // It is asked for after the other was looked for, on a connection that is made later.
      await database.run('SELECT sleep(0.3)');
      expect(await isUnderWay()).toBe(true);
      killStatement(client, statement);
      expect(await ended).toBe('failed');
      await expect.poll(isUnderWay).toBe(false);
      await pool.end();
    });
  });
}
