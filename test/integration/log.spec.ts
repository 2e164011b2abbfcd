import { Injectable, type ModuleMetadata, Scope } from '@nestjs/common';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PrometheusMigrationsModule, type PrometheusMigrationsModuleOptions } from '../../lib';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { closeDataSources, openDataSource } from '../support/data-sources';
import { createPostgres, type TestDatabase } from '../support/databases';
import { readingsOf } from '../support/exposition';
import { defineMigration, defineMigrations } from '../support/migrations';
import { StatementLog } from '../support/statements';

const migrations = defineMigrations(3);
let database: TestDatabase;

beforeAll(async () => {
  database = await createPostgres();
});
afterAll(() => database.drop());
afterEach(async () => {
  await closeApplications();
  await closeDataSources();
});

function start(
  options: PrometheusMigrationsModuleOptions = {},
  { imports = [], providers = [] }: ModuleMetadata = {},
) {
  return startApplication({
    imports: [
      ...imports,
      PrometheusMigrationsModule.forRoot({ registry: new Registry(), maxAge: 0, ...options }),
    ],
    providers,
  });
}

const byUrl = (options: object = {}) =>
  TypeOrmModule.forRoot({ type: 'postgres', url: database.url, migrations, ...options });

/** The same server, named by its parts. */
function byParts(options: object = {}) {
  const { hostname, port, username, password, pathname } = new URL(database.url);
  return {
    provide: 'replicaDataSource',
    useFactory: async () =>
      (
        await openDataSource({
          type: 'postgres',
          host: hostname,
          port: Number(port || 5432),
          username,
          password,
          database: pathname.slice(1),
          migrations,
          ...options,
        })
      ).dataSource,
  };
}

describe('one database under two names', () => {
  it('is told once, with both names and the option exclude', async () => {
    const { logger, get } = await start({}, { imports: [byUrl()], providers: [byParts()] });
    await get();
    await get();
    expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([
      'warn "default" and "replica" are the same database: its migrations are exported twice. ' +
        "Leave one out with the option exclude, as in exclude: ['replica'].",
    ]);
  });

  it('is not told once one of them is excluded', async () => {
    for (const alias of ['default', 'replica']) {
      const { logger } = await start({ exclude: [alias] }, { imports: [byUrl()], providers: [byParts()] });
      expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
      await closeApplications();
    }
  });

  it.each([
    ['schemas', { schema: 'tenant' }],
    ['tables', { migrationsTableName: 'history' }],
    ['databases', { database: 'postgres' }],
  ])('is none for different %s', async (_what, options) => {
    const { logger } = await start({}, { imports: [byUrl()], providers: [byParts(options)] });
    expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
  });
});

describe('with query logging on', () => {
  it('a missing table costs one short line at a scrape', async () => {
    const log = new StatementLog();
    const { get } = await start({}, { imports: [byUrl({ logging: true, logger: log })] });
    log.take();
    for (let scrape = 0; scrape < 3; scrape += 1) {
      expect(readingsOf(await get(), 'default')).toMatchObject({ applied_total: 0, unapplied_total: 3 });
      const statements = log.take();
      expect(statements).toEqual([expect.stringMatching(/^SELECT 1 .{1,190}$/)]);
    }
  });

  it('so does a schema that is missing, too', async () => {
    const log = new StatementLog();
    const { get } = await start({}, { imports: [byUrl({ logging: true, logger: log, schema: 'nowhere' })] });
    log.take();
    await get();
    expect(log.take()).toEqual([expect.stringMatching(/^SELECT 1 .{1,190}$/)]);
  });
});

describe('a line of the log', () => {
  it('stands by itself: it names the connection and says migrations', async () => {
    const { logger, app, get } = await start({}, { imports: [byUrl({ name: 'orders' })] });
    expect(logger.lines).toEqual(['log orders: migrations: 0 applied, 3 unapplied']);
    const dataSource = app.get<DataSource>(getDataSourceToken('orders'));
    await dataSource.destroy();
    await get();
    await dataSource.initialize();
    await get();
    expect(logger.lines.slice(1)).toEqual([
      expect.stringMatching(/^warn orders: migrations could not be read \(uninitialized\)\. /),
      'log orders: migrations readable again: 0 applied, 3 unapplied',
    ]);
    for (const line of logger.lines) expect(line).toMatch(/orders: migrations/);
  });

  it.each([
    ['a newline', 'a\n[Nest] 1 - ERROR forged', 'a\\u000a[Nest] 1 - ERROR forged'],
    ['a carriage return and an escape', 'a\r\u001b[31m', 'a\\u000d\\u001b[31m'],
    ['a line separator', 'a\u2028b\u0085c', 'a\\u2028b\\u0085c'],
  ])('is not forged by an alias with %s', async (_what, alias, shown) => {
    const { dataSource } = await openDataSource({ type: 'better-sqlite3', database: ':memory:', migrations });
    const { logger, get } = await start({ dataSources: { [alias]: dataSource } });
    await dataSource.destroy();
    await get();
    expect(logger.lines).toEqual([
      `log ${shown}: migrations: 0 applied, 3 unapplied`,
      expect.stringContaining(`warn ${shown}: migrations could not be read`),
    ]);
  });

  it('is not forged by a migration of a bad name', async () => {
    const { logger } = await start({}, { imports: [sqliteModule([defineMigration('Bad\nforged')])] });
    expect(logger.lines).toHaveLength(1);
    expect(logger.lines[0]).toMatch(/^warn default: migrations could not be read \(invalid_migrations/);
    expect(logger.lines[0]).not.toContain('\n');
  });
});

describe('a request-scoped DataSource', () => {
  const requestScoped = (provide: string | typeof DataSource) => ({
    provide,
    scope: Scope.REQUEST,
    useFactory: () => {
      throw new Error('Not without a request');
    },
  });
  const told = (alias: string) =>
    expect.stringMatching(new RegExp(`^log ${alias}: the DataSource is request-scoped`)) as string;

  it('is told once, with the ways out', async () => {
    const { logger, get } = await start({}, { providers: [requestScoped('tenantDataSource')] });
    await get();
    expect(logger.lines[0]).toBe(
      'log tenant: the DataSource is request-scoped, and its migrations are not exported: the container has no instance of it. ' +
        'Pass one as the option dataSources, or to MigrationsExporter.exportMigrationsForDatabase().',
    );
    expect(logger.lines.filter((line) => line.includes('request-scoped'))).toHaveLength(1);
  });

  it("is told for TypeORM's class as the token, and once where two modules have it", async () => {
    const { logger } = await start(
      {},
      {
        imports: [
          { module: class One {}, providers: [requestScoped(DataSource)] },
          { module: class Two {}, providers: [requestScoped(DataSource)] },
        ],
      },
    );
    expect(logger.lines.filter((line) => line.includes('request-scoped'))).toEqual([told('default')]);
  });

  it('is not told where it is excluded', async () => {
    const { logger } = await start(
      { exclude: ['tenant'] },
      { providers: [requestScoped('tenantDataSource')] },
    );
    expect(logger.lines.filter((line) => line.includes('request-scoped'))).toEqual([]);
  });

  it('is none if it is a class of another library', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class UsersDataSource {}
    const { logger } = await start({}, { providers: [UsersDataSource] });
    expect(logger.lines.filter((line) => line.includes('request-scoped'))).toEqual([]);
  });
});

describe('a DataSource that defines no migration', () => {
  const counted = (lines: readonly string[]) => lines.filter((line) => line.startsWith('warn'));
  const warning =
    /^warn default: the code defines no migration, and the database has 3: nothing can be unapplied/;

  beforeEach(async () => {
    const { dataSource } = await openDataSource({ type: 'postgres', url: database.url, migrations });
    await dataSource.runMigrations({ fake: true });
  });
  afterEach(() => database.run('DROP TABLE migrations'));

  it('is warned about once if the database has some', async () => {
    const { logger, get } = await start({}, { imports: [byUrl({ migrations: ['nowhere/*.js'] })] });
    await get();
    await get();
    expect(counted(logger.lines)).toEqual([expect.stringMatching(warning)]);
  });

  it('is warned about once, however often the database is gone and back', async () => {
    const { logger, get, app } = await start({}, { imports: [byUrl({ migrations: [] })] });
    const dataSource = app.get(DataSource);
    await dataSource.destroy();
    await get();
    await dataSource.initialize();
    await get();
    expect(logger.lines.filter((line) => warning.test(line))).toHaveLength(1);
    expect(logger.lines.at(-1)).toMatch(/readable again/);
  });

  it.each([
    ['some are defined', { migrations: migrations.slice(2) }],
    ['the database has none', { migrations: [], migrationsTableName: 'other' }],
    ['TypeORM makes the schema from the entities', { migrations: [], synchronize: true }],
  ])('is not warned about if %s', async (_why, options) => {
    const { logger } = await start({}, { imports: [byUrl(options)] });
    expect(counted(logger.lines)).toEqual([]);
  });
});
