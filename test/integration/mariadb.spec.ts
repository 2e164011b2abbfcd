import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { closeDataSources, openDataSource } from '../support/data-sources';
import { createMariadb, hasMariadb, type TestDatabase, uniqueName } from '../support/databases';
import { defineMigrations } from '../support/migrations';
import { countsOf } from '../support/reading';

const migrations = defineMigrations(3);

describe.skipIf(!hasMariadb)('MariaDB', () => {
  const role = uniqueName('r');
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createMariadb();
    await database.run(`CREATE USER ${role}@'%' IDENTIFIED BY 'reader'`, `CREATE TABLE other (id int)`);
  });
  afterAll(async () => {
    await database.run(`DROP USER ${role}@'%'`);
    await database.drop();
  });
  beforeEach(() => database.run('DROP TABLE IF EXISTS migrations, `Schema ``History```'));
  afterEach(closeDataSources);

  const open = (options: object = {}) =>
    openDataSource({ type: 'mariadb', url: database.url, migrations, ...options });
  const asReader = () => open({ url: database.as(role, 'reader') });
  async function migrate(count: number, options: object = {}) {
    const { dataSource } = await open({ ...options, migrations: migrations.slice(0, count) });
    await dataSource.runMigrations();
    await dataSource.destroy();
  }
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
});
