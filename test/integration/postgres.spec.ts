import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OwnConnection } from '../../lib/migration/connection';
import { RecordedMigrations } from '../../lib/migration/recorded';
import { closeDataSources, openDataSource, runMigrations } from '../support/data-sources';
import {
  createPostgres,
  createPostgresWithReader,
  type TestDatabase,
  uniqueName,
} from '../support/databases';
import { defineMigrations } from '../support/migrations';
import { countsOf } from '../support/reading';

const migrations = defineMigrations(3);
const role = uniqueName('reader');
let database: TestDatabase;

beforeAll(async () => {
  database = await createPostgresWithReader(role);
});
afterAll(() => database.drop());
beforeEach(() =>
  database.run(
    'DROP SCHEMA public CASCADE',
    'CREATE SCHEMA public',
    `GRANT USAGE ON SCHEMA public TO ${role}`,
  ),
);
afterEach(closeDataSources);

const open = (options: object = {}) =>
  openDataSource({ type: 'postgres', url: database.url, migrations, ...options });
const asReader = (options: object = {}) => open({ url: database.as(role, 'reader'), ...options });

/** Runs the first so many migrations. */
const migrate = (count: number, options: object = {}) =>
  runMigrations({ type: 'postgres', url: database.url, ...options, migrations: migrations.slice(0, count) });
/** So many that they are read as one array. */
const recordMany = (where = database) =>
  where.run("INSERT INTO migrations (timestamp, name) SELECT n, 'Old' || n FROM generate_series(1, 500) n");
const tables = () =>
  database.run(
    `SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );

describe('PostgreSQL', () => {
  it('reads a missing table as nothing applied, and does not create it', async () => {
    const { dataSource, log } = await open();
    const counts = countsOf(dataSource);
    expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
    expect(await tables()).toEqual([]);
    expect(log.take()).toHaveLength(1);
  });

  it('sends one statement at a reading once the table has been seen', async () => {
    await migrate(2);
    const { dataSource, log } = await open();
    const counts = countsOf(dataSource);
    expect(await counts()).toEqual({ applied: 2, unapplied: 1 });
    log.take();
    for (let reading = 0; reading < 3; reading += 1) {
      await counts();
      expect(log.take()).toEqual(['SELECT "name" FROM "public"."migrations"']);
    }
  });

  it('sends one statement for one array at a reading of a table that has many rows', async () => {
    await migrate(2);
    await recordMany();
    const { dataSource, log } = await open();
    const counts = countsOf(dataSource);
    expect(await counts()).toEqual({ applied: 502, unapplied: 1 });
    log.take();
    for (let reading = 0; reading < 3; reading += 1) {
      expect(await counts()).toEqual({ applied: 502, unapplied: 1 });
      expect(log.take()).toEqual(['SELECT json_agg("name")::text AS "names" FROM "public"."migrations"']);
    }
    await database.run("UPDATE migrations SET name = 'Renamed1' WHERE name = 'Old1'");
    expect(await counts()).toEqual({ applied: 502, unapplied: 1 });
    await database.run("DELETE FROM migrations WHERE name LIKE 'Old%'");
    expect(await counts()).toEqual({ applied: 3, unapplied: 1 });
  });

  it('sees what another process applies and reverts', async () => {
    const { dataSource } = await open();
    const counts = countsOf(dataSource);
    expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
    await migrate(3);
    expect(await counts()).toEqual({ applied: 3, unapplied: 0 });
    const other = await open();
    await other.dataSource.undoLastMigration();
    expect(await counts()).toEqual({ applied: 2, unapplied: 1 });
  });

  it('takes a database that accepts no connections for unreachable, until it does again', async () => {
    const closed = await createPostgres();
    const { dataSource } = await open({ url: closed.url });
    const counts = countsOf(dataSource);
    expect(await counts()).toEqual({ applied: 0, unapplied: 3 });

    await database.run(
      `ALTER DATABASE ${closed.name} ALLOW_CONNECTIONS false`,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${closed.name}'`,
    );
    // The first may still meet the connection that was ended; 55000 is what a new one gets.
    await counts();
    expect(await counts()).toBe('unreachable');

    await database.run(`ALTER DATABASE ${closed.name} ALLOW_CONNECTIONS true`);
    expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
    await closed.drop();
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

  it.each([
    [{ migrationsTableName: 'Schema History' }],
    [{ migrationsTableName: 'it\'s "quoted"' }],
    [{ schema: 'Shop-1' }],
    [{ schema: "o'hara", migrationsTableName: 'runs' }],
    [{ migrationsTableName: 'audit.runs' }],
  ])(
    'reads the table that TypeORM writes with %j',
    async (options: { schema?: string; migrationsTableName?: string }) => {
      for (const schema of ['"Shop-1"', `"o'hara"`, 'audit']) {
        await database.run(`DROP SCHEMA IF EXISTS ${schema} CASCADE`, `CREATE SCHEMA ${schema}`);
      }
      const { dataSource } = await open(options);
      const counts = countsOf(dataSource);
      expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
      await database.run('CREATE TABLE public.migrations (id serial, timestamp bigint, name varchar)');
      // TypeORM does not escape a single quote in the name of a table that it looks up.
      const path = [options.schema, options.migrationsTableName?.split('.') ?? 'migrations'].flat();
      const quoted = path
        .filter((part) => part !== undefined)
        .map((part) => `"${part.replaceAll('"', '""')}"`);
      await database.run(
        `CREATE TABLE ${quoted.join('.')} (id serial PRIMARY KEY, timestamp bigint, name varchar)`,
        `INSERT INTO ${quoted.join('.')} (timestamp, name) VALUES (1700000000000, 'Step1700000000000')`,
      );
      expect(await counts()).toEqual({ applied: 1, unapplied: 2 });
    },
  );

  describe('where no schema is set', () => {
    const [first, second] = [uniqueName('first'), uniqueName('second')];
    beforeEach(() => database.run(`CREATE SCHEMA ${first}`, `CREATE SCHEMA ${second}`));
    afterEach(async () => {
      await closeDataSources();
      await database.run(`DROP SCHEMA ${first} CASCADE`, `DROP SCHEMA ${second} CASCADE`);
    });
    const along = (...schemas: string[]) => ({ extra: { options: `-c search_path=${schemas.join(',')}` } });

    it('looks where TypeORM would look: in the current schema, not along the search_path', async () => {
      await migrate(3, { schema: second });
      const { dataSource } = await open(along(first, second));
      const counts = countsOf(dataSource);
      expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
      // The judge: it runs them again, into a table of its own.
      expect(await dataSource.runMigrations()).toHaveLength(3);
      expect(await counts()).toEqual({ applied: 3, unapplied: 0 });
    });

    it.each([
      ['moved to the next schema of the path', `ALTER TABLE ${first}.migrations SET SCHEMA ${second}`],
      ['dropped, with another one in the next', `DROP TABLE ${first}.migrations`],
    ])('sees that the table was %s', async (_what, statement) => {
      await migrate(3, { schema: first });
      if (statement.startsWith('DROP')) await migrate(2, { schema: second });
      const { dataSource } = await open(along(first, second));
      const counts = countsOf(dataSource);
      expect(await counts()).toEqual({ applied: 3, unapplied: 0 });
      await database.run(statement);
      expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
      expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
    });

    it.each([
      ['the role', (path: string) => `ALTER ROLE ${role} SET search_path = ${path}`],
      [
        'the role in this database',
        (path: string) => `ALTER ROLE ${role} IN DATABASE ${database.name} SET search_path = ${path}`,
      ],
      ['the database', (path: string) => `ALTER DATABASE ${database.name} SET search_path = ${path}`],
    ])('looks in the current schema where the search_path is set for %s', async (_whom, statement) => {
      await migrate(3, { schema: second });
      await database.run(
        `GRANT USAGE, CREATE ON SCHEMA ${first}, ${second} TO ${role}`,
        `GRANT SELECT ON ${second}.migrations TO ${role}`,
        statement(`${first}, ${second}`),
      );
      const { dataSource } = await asReader();
      const counts = countsOf(dataSource);
      expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
      expect(await dataSource.runMigrations()).toHaveLength(3);
      expect(await counts()).toEqual({ applied: 3, unapplied: 0 });
      await database.run(
        `ALTER ROLE ${role} RESET search_path`,
        `ALTER ROLE ${role} IN DATABASE ${database.name} RESET search_path`,
        `ALTER DATABASE ${database.name} RESET search_path`,
      );
    });

    it('looks in the schema that is set, wherever the search_path leads', async () => {
      await migrate(3, { schema: second });
      await migrate(1, { schema: first });
      const { dataSource } = await open({ ...along(first), schema: second });
      expect(await countsOf(dataSource)()).toEqual({ applied: 3, unapplied: 0 });
      expect(await dataSource.runMigrations()).toHaveLength(0);
    });

    it('takes the first schema of the path that exists for the current one', async () => {
      await migrate(2, { schema: second });
      const { dataSource } = await open(along('nowhere', second, first));
      expect(await countsOf(dataSource)()).toEqual({ applied: 2, unapplied: 1 });
      expect(await dataSource.runMigrations()).toHaveLength(1);
    });

    it('is not misled by a temporary table of that name', async () => {
      await migrate(2, { schema: first });
      const { dataSource } = await open({ extra: { ...along(first).extra, max: 1 } });
      await dataSource.query('CREATE TEMP TABLE migrations (id int, timestamp bigint, name varchar)');
      expect(await countsOf(dataSource)()).toEqual({ applied: 2, unapplied: 1 });
    });

    it('takes a table further down the path that the role may not use for none of its own', async () => {
      await migrate(2, { schema: second });
      await database.run(`GRANT USAGE ON SCHEMA ${first} TO ${role}`);
      const { dataSource } = await asReader(along(first, second));
      expect(await countsOf(dataSource)()).toEqual({ applied: 0, unapplied: 3 });
    });
  });

  it.each([
    ['"Tenant"', 'Tenant'],
    ['TENANT, public', 'tenant'],
    ['"a,b"', 'a,b'],
    [`"it's" , public`, "it's"],
    ['nowhere, "$user", tenant', 'tenant'],
  ])('finds it along the search_path %s', async (searchPath, schema) => {
    const quoted = `"${schema.replaceAll('"', '""')}"`;
    await database.run(`DROP SCHEMA IF EXISTS ${quoted} CASCADE`, `CREATE SCHEMA ${quoted}`);
    await migrate(2, { schema });
    await database.run(
      `GRANT SELECT ON ${quoted}.migrations TO ${role}`,
      `ALTER ROLE ${role} SET search_path = ${searchPath}`,
    );
    const { dataSource } = await asReader();
    const counts = countsOf(dataSource);
    expect(await counts()).toBe('denied');
    await database.run(`GRANT USAGE ON SCHEMA ${quoted} TO ${role}`);
    expect(await counts()).toEqual({ applied: 2, unapplied: 1 });
    await database.run(`ALTER ROLE ${role} RESET search_path`, `DROP SCHEMA ${quoted} CASCADE`);
  });

  it('asks for a missing table briefly, and finds it when it is there', async () => {
    const { dataSource, log } = await open();
    const counts = countsOf(dataSource);
    await counts();
    log.take();
    expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
    const [statement = '', ...others] = log.take();
    expect([others, statement.split('\n').length, statement.length < 200]).toEqual([[], 1, true]);
    await migrate(2);
    expect(await counts()).toEqual({ applied: 2, unapplied: 1 });
  });

  describe('a catalogue that does not answer', () => {
    it.each([
      'EXECUTE ON FUNCTION row_security_active(oid)',
      'SELECT ON pg_policy',
      'EXECUTE ON FUNCTION has_any_column_privilege(oid, text)',
      'SELECT ON pg_class',
    ])('is no reason: revoked %s', async (privilege) => {
      // Catalogues belong to one database: that of another test stays as it is.
      const scratch = await createPostgres();
      const at = { url: scratch.as(role, 'reader') };
      await migrate(2, { url: scratch.url });
      await scratch.run(`GRANT SELECT ON migrations TO ${role}`, `REVOKE ${privilege} FROM PUBLIC`);
      const { dataSource, log } = await open(at);
      const counts = countsOf(dataSource);
      expect(await counts()).toEqual({ applied: 2, unapplied: 1 });
      log.take();
      expect(await counts()).toEqual({ applied: 2, unapplied: 1 });
      expect(log.take()).toHaveLength(1);
      await scratch.run(`REVOKE SELECT ON migrations FROM ${role}`);
      expect(await counts()).toBe('denied');
      await scratch.run('DROP TABLE migrations');
      expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
      await closeDataSources();
      await scratch.run(`DROP OWNED BY ${role}`);
      await scratch.drop();
    });
  });

  it('reads row by row where json_agg() was revoked, with one statement at a reading', async () => {
    const scratch = await createPostgres();
    await migrate(2, { url: scratch.url });
    await recordMany(scratch);
    await scratch.run(
      `GRANT SELECT ON migrations TO ${role}`,
      'REVOKE EXECUTE ON FUNCTION json_agg(anyelement) FROM PUBLIC',
    );
    const { dataSource, log } = await open({ url: scratch.as(role, 'reader') });
    const counts = countsOf(dataSource);
    for (let reading = 0; reading < 3; reading += 1) {
      log.take();
      expect(await counts()).toEqual({ applied: 502, unapplied: 1 });
    }
    expect(log.take()).toEqual(['SELECT "name" FROM "public"."migrations"']);
    await closeDataSources();
    await scratch.run(`DROP OWNED BY ${role}`);
    await scratch.drop();
  });

  it('reads the same names at the first reading and later: quotes, line breaks, NULL, other letters', async () => {
    await migrate(1);
    await database.run('ALTER TABLE migrations ALTER COLUMN name DROP NOT NULL');
    const odd = ['a"b\\c1', 'line\nbreak2', 'Überblick3', "\u2028;'--4", ''];
    for (const name of odd) {
      await database.run(
        `INSERT INTO migrations (timestamp, name) VALUES (1, '${name.replaceAll("'", "''")}')`,
      );
    }
    await database.run('INSERT INTO migrations (timestamp, name) VALUES (1, NULL)');
    await recordMany();
    const { dataSource } = await open();
    const recorded = new RecordedMigrations(dataSource);
    const read = async () => {
      const connection = new OwnConnection(dataSource);
      const names = await recorded.read(connection);
      await connection.release();
      return [...names].sort();
    };
    const first = await read();
    expect(first).toEqual(expect.arrayContaining([...odd, migrations[0]?.name]));
    expect(first).toHaveLength(500 + odd.length + 1);
    expect(await read()).toEqual(first);
    expect(await read()).toEqual(first);
  });

  it('takes a table whose column is of another type for none of TypeORM', async () => {
    await database.run('CREATE TABLE migrations (id serial, timestamp bigint, name date)');
    await database.run(
      "INSERT INTO migrations (timestamp, name) SELECT n, date '2026-01-01' + n FROM generate_series(1, 500) n",
    );
    const { dataSource } = await open();
    const counts = countsOf(dataSource);
    for (let reading = 0; reading < 2; reading += 1) {
      expect(await counts()).toBe('invalid_migrations');
    }
  });

  it('sends one statement at a reading of a table that is empty', async () => {
    await migrate(1);
    await database.run('DELETE FROM migrations');
    const { dataSource, log } = await open();
    const counts = countsOf(dataSource);
    await counts();
    log.take();
    expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
    expect(log.take()).toHaveLength(1);
  });

  it('counts a row that stands there twice once', async () => {
    await migrate(2);
    await database.run(`INSERT INTO migrations (timestamp, name) SELECT timestamp, name FROM migrations`);
    const { dataSource } = await open();
    expect(await countsOf(dataSource)()).toEqual({ applied: 2, unapplied: 1 });
  });

  describe('a role', () => {
    it('that may only SELECT reads the right figures and creates nothing', async () => {
      await migrate(2);
      await database.run(
        `GRANT SELECT ON migrations TO ${role}`,
        `ALTER ROLE ${role} SET default_transaction_read_only = on`,
      );
      const before = await tables();
      const { dataSource } = await asReader();
      expect(await countsOf(dataSource)()).toEqual({ applied: 2, unapplied: 1 });
      expect(await tables()).toEqual(before);
    });

    it('that may read the column only reads the right figures', async () => {
      await migrate(2);
      await database.run(`GRANT SELECT (name) ON migrations TO ${role}`);
      const { dataSource } = await asReader();
      expect(await countsOf(dataSource)()).toEqual({ applied: 2, unapplied: 1 });
    });

    it('that may not SELECT is denied, without an error on the server', async () => {
      await migrate(2);
      const { dataSource, log } = await asReader();
      const counts = countsOf(dataSource);
      expect(await counts()).toBe('denied');
      expect(await counts()).toBe('denied');
      expect(log.take().filter((statement) => /"name"\)?(::text AS "names")? FROM/.test(statement))).toEqual(
        [],
      );
      await database.run(`GRANT SELECT ON migrations TO ${role}`);
      expect(await counts()).toEqual({ applied: 2, unapplied: 1 });
    });

    it.each([[{}], [{ schema: 'public' }]])('that may not use the schema is denied (%j)', async (options) => {
      await migrate(2);
      await database.run(
        `GRANT SELECT ON migrations TO ${role}`,
        `REVOKE ALL ON SCHEMA public FROM ${role}, public`,
      );
      const { dataSource } = await asReader(options);
      expect(await countsOf(dataSource)()).toBe('denied');
    });

    it.each(['SELECT ON migrations', 'USAGE ON SCHEMA public'])(
      'whose privilege of %s is revoked while running is denied',
      async (privilege) => {
        await migrate(2);
        await database.run(`GRANT SELECT ON migrations TO ${role}`);
        const { dataSource } = await asReader();
        const counts = countsOf(dataSource);
        expect(await counts()).toEqual({ applied: 2, unapplied: 1 });
        await database.run(`REVOKE ${privilege} FROM ${role}`);
        expect(await counts()).toBe('denied');
        expect(await counts()).toBe('denied');
        await database.run(`GRANT ${privilege} TO ${role}`);
        expect(await counts()).toEqual({ applied: 2, unapplied: 1 });
      },
    );

    it('from whom row level security hides every row is denied', async () => {
      await migrate(2);
      await database.run(
        `GRANT SELECT ON migrations TO ${role}`,
        'ALTER TABLE migrations ENABLE ROW LEVEL SECURITY',
        'CREATE POLICY others ON migrations FOR SELECT TO pg_monitor USING (true)',
        'CREATE POLICY narrower ON migrations AS RESTRICTIVE FOR SELECT USING (true)',
      );
      const { dataSource } = await asReader();
      const counts = countsOf(dataSource);
      expect(await counts()).toBe('denied');
      await database.run(`CREATE POLICY all_rows ON migrations FOR SELECT TO ${role} USING (true)`);
      expect(await counts()).toEqual({ applied: 2, unapplied: 1 });
      await database.run('DROP POLICY all_rows ON migrations');
      expect(await counts()).toBe('denied');
    });

    it('is denied when row level security is switched on while the table is empty', async () => {
      await migrate(1);
      await database.run('DELETE FROM migrations', `GRANT SELECT ON migrations TO ${role}`);
      const { dataSource } = await asReader();
      const counts = countsOf(dataSource);
      expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
      await database.run('ALTER TABLE migrations ENABLE ROW LEVEL SECURITY');
      expect(await counts()).toBe('denied');
      await migrate(2);
      expect(await counts()).toBe('denied');
      await database.run(`CREATE POLICY all_rows ON migrations FOR SELECT TO ${role} USING (true)`);
      expect(await counts()).toEqual({ applied: 2, unapplied: 1 });
      await database.run('DELETE FROM migrations');
      expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
      expect(await counts()).toEqual({ applied: 0, unapplied: 3 });
    });
  });
});
