import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import Database from 'better-sqlite3';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { command } from '../support/command';
import { createPostgres, MARIADB, POSTGRES, type TestDatabase } from '../support/databases';
import { generated, makeSchema } from '../support/drift/case';
import { type DataSourceFile, MIGRATIONS, Project } from '../support/project';
import { parseReport } from '../support/report-schema';
import { WireTap } from '../support/wire-tap';

let project: Project;
/** What the application's own logger was given, and its subscriber. */
const logged: unknown[] = [];
Object.assign(globalThis, { logged });

beforeEach(() => {
  logged.length = 0;
  project = new Project();
});
afterEach(() => project.remove());

const require = createRequire(__filename);

/** Entities with an index, a foreign key, a generated column and a view, as JavaScript. */
const entities = (quote: string) => `
const columns = { id: { type: 'int', primary: true }, code: { type: 'varchar', length: 40 } };
const users = new EntitySchema({ name: 'users', columns });
const orders = new EntitySchema({
  name: 'orders',
  columns: { ...columns, upper: { type: 'varchar', length: 100, generatedType: 'STORED', asExpression: 'upper(${quote}code${quote})' } },
  indices: [{ name: 'by_code', columns: ['code'] }],
  relations: { user: { type: 'many-to-one', target: 'users', joinColumn: true } },
});
const view = new EntitySchema({ name: 'codes', type: 'view', expression: 'SELECT ${quote}code${quote} FROM ${quote}orders${quote}', columns: { code: { type: 'varchar' } } });
const printed = (...words) => globalThis.logged.push(words);
const logger = { logQuery: printed, logQueryError: printed, logQuerySlow: printed, logSchemaBuild: printed, logMigration: printed, log: printed };
class Subscriber { constructor() { globalThis.logged.push('subscriber'); } }
require('typeorm').EventSubscriber()(Subscriber);`;

const ALL = 'entities: [users, orders, view]';

/** Makes the schema that the entities of a file want, and records its migrations. */
async function migrate(file: string, ...more: string[]): Promise<void> {
  Reflect.deleteProperty(require.cache, file);
  const { AppDataSource: dataSource } = require(file) as { AppDataSource: DataSource };
  await dataSource.initialize();
  await makeSchema(dataSource);
  await dataSource.runMigrations();
  for (const statement of more) await dataSource.query(statement);
  await dataSource.destroy();
  Reflect.deleteProperty(require.cache, file);
  logged.length = 0;
}

async function statementsGenerated(file: string): Promise<number> {
  const { AppDataSource: dataSource } = require(file) as { AppDataSource: DataSource };
  await dataSource.initialize();
  const statements = await generated(dataSource);
  await dataSource.destroy();
  Reflect.deleteProperty(require.cache, file);
  logged.length = 0;
  return statements;
}

/** What the command prints as JSON. */
async function checked(...args: string[]) {
  const { code, stdout, stderr } = await command(['check', '--json', ...args]);
  return { code, stderr, report: parseReport(stdout) };
}

const HAND = [
  'CREATE INDEX by_hand ON orders (code)',
  'ALTER TABLE users ADD extra int',
  'DROP INDEX by_code',
];

const READS =
  /^\s*(SELECT\b(?!.*\bINTO\b)|SHOW\b|BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY$|SET LOCAL (lock|statement)_timeout = \d+$|START TRANSACTION READ ONLY$|SET SESSION (lock_wait_timeout|max_statement_time|max_execution_time)\b|ROLLBACK$)/is;

const SERVERS = [
  { ...POSTGRES, quote: '"' },
  { ...MARIADB, quote: '`' },
];

describe.each(SERVERS.filter(({ available }) => available))('Drift on $name', (server) => {
  let database: TestDatabase;
  let tap: WireTap;

  beforeEach(async () => {
    database = await server.create();
    tap = await WireTap.before(database.url);
  });
  afterEach(async () => {
    await tap.close();
    await database.drop();
  });

  const write = (options: string, rest: Partial<DataSourceFile> = {}): string =>
    project.dataSource('data-source.js', {
      connection: `type: '${server.type}', url: '${tap.url(database.url)}'`,
      before: entities(server.quote),
      options,
      ...rest,
    });
  const byHand = HAND.map((statement) =>
    server.type === 'mariadb' && statement.startsWith('DROP INDEX') ? `${statement} ON orders` : statement,
  );

  it('is none after the migrations', async () => {
    const file = write(ALL);
    await migrate(file);
    const { code, report } = await checked('-d', file, '--fail-on', 'drift');
    expect(report.connections).toMatchObject([{ drift: { statements: 0, differences: [], ignored: [] } }]);
    expect(code).toBe(0);
  });

  it('is what migration:generate emits, and leaves the exit code unless it is named', async () => {
    const file = write(ALL);
    await migrate(file, ...byHand);
    const expected = {
      statements: await statementsGenerated(file),
      differences: expect.arrayContaining([
        { change: 'drop index', table: 'orders', name: 'by_hand', statements: 1 },
        { change: 'create index', table: 'orders', name: 'by_code', statements: 1 },
        { change: 'drop column', table: 'users', name: 'extra', statements: 1 },
      ]) as unknown,
    };
    const told = await checked('-d', file, '--drift');
    expect(told.report).toMatchObject({ ok: true, connections: [{ failedOn: [], drift: expected }] });
    expect(told.code).toBe(0);
    const gate = await checked('-d', file, '--fail-on', 'drift,unapplied');
    expect(gate.report).toMatchObject({
      ok: false,
      connections: [{ ok: false, failedOn: ['drift'], status: 'up-to-date', drift: expected }],
    });
    expect(gate.code).toBe(1);
  });

  it.each([
    ['the command connects', 'exports.AppDataSource = dataSource;'],
    ['the file connects', 'exports.AppDataSource = dataSource.initialize();'],
  ])('is read without a write, whatever the options say: %s', async (_who, exported) => {
    const before = write(ALL);
    await migrate(before, ...byHand);
    const file = write(
      `${ALL}, synchronize: true, dropSchema: true, migrationsRun: true, cache: true, subscribers: [Subscriber], logging: true, logger` +
        (server.type === 'postgres' ? ", installExtensions: true, extensions: ['hstore']" : ''),
      { exported },
    );
    tap.statements.length = 0;
    const { code, report } = await checked('-d', file, '--drift');
    expect(report.connections[0]?.drift?.differences.length).toBeGreaterThan(2);
    expect(code).toBe(0);
    expect(tap.statements.filter((statement) => !READS.test(statement))).toEqual([]);
    expect(tap.statements).toContain('ROLLBACK');
    expect(logged).toEqual([]);
  });

  it('has the table of the cache, as the application has', async () => {
    const file = write(ALL);
    await migrate(file);
    const { report } = await checked('-d', write(`${ALL}, cache: true`), '--drift');
    expect(report.connections).toMatchObject([
      { drift: { differences: [{ change: 'create table', table: 'query-result-cache' }] } },
    ]);
  });

  it('is not judged while a migration is unapplied', async () => {
    const file = write(ALL);
    await migrate(file);
    await database.run(`DELETE FROM migrations WHERE name = '${MIGRATIONS[1]}'`);
    const told = await checked('-d', file, '--drift', '--fail-on', 'unknown');
    expect(told.report.connections).toMatchObject([{ drift: { statements: null, skipped: 'unapplied' } }]);
    expect(told.code).toBe(0);
    const named = await checked('-d', file, '--fail-on', 'drift');
    expect(named.report.connections).toMatchObject([{ ok: false, failedOn: ['drift'] }]);
    expect(named.code).toBe(2);
    // What is named as well says it all.
    const both = await checked('-d', file, '--fail-on', 'unapplied,drift');
    expect(both.report.connections).toMatchObject([{ ok: false, failedOn: ['unapplied'] }]);
    expect(both.code).toBe(1);
  });

  it('is not known if the user may not see a table', async () => {
    const file = write(ALL);
    await migrate(file);
    const user = `r${database.name}`.slice(0, 30);
    const grants =
      server.type === 'postgres'
        ? [`CREATE ROLE ${user} LOGIN PASSWORD 'reader'`, `GRANT SELECT ON migrations TO ${user}`]
        : [
            `CREATE USER '${user}' IDENTIFIED BY 'reader'`,
            `GRANT SELECT ON ${database.name}.migrations TO '${user}'`,
          ];
    await database.run(...grants);
    try {
      const reader = write(ALL, {
        connection: `type: '${server.type}', url: '${database.as(user, 'reader')}'`,
      });
      const { code, stdout } = await command(['check', '-d', reader, '--fail-on', 'unapplied,drift']);
      expect(stdout).toContain('default     ?         2          0        0             0      -');
      expect(stdout).toContain('default: schema drift is not known (denied). The user may not see');
      expect(code).toBe(2);
      expect((await checked('-d', reader, '--drift')).code).toBe(0);
    } finally {
      await database.run(
        ...(server.type === 'postgres'
          ? [`DROP OWNED BY ${user}`, `DROP ROLE ${user}`]
          : [`DROP USER '${user}'`]),
      );
    }
  });
});

describe('Drift on PostgreSQL that is not known', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createPostgres();
  });
  afterEach(() => database.drop());

  const write = (before: string, options: string): string =>
    project.dataSource('data-source.js', {
      connection: `type: 'postgres', url: '${database.url}'`,
      before,
      options,
    });

  it('is a time-out while a migration holds a lock', async () => {
    const file = write(entities('"'), ALL);
    await migrate(file);
    const client = new Client({ connectionString: database.url });
    await client.connect();
    try {
      await client.query('BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
      const { code, report } = await checked('-d', file, '--fail-on', 'unapplied,drift');
      expect(report.connections).toMatchObject([
        { status: 'up-to-date', failedOn: ['drift'], drift: { statements: null, skipped: 'timeout' } },
      ]);
      expect(code).toBe(2);
    } finally {
      await client.end();
    }
  });

  it('is no drift if a statement is not sent, because it looks like a write', async () => {
    // The backslash ends no text in PostgreSQL; in MySQL it would, and INSERT would be a word of the statement.
    const file = write(
      String.raw`const odd = new EntitySchema({ name: 'insert', schema: 'a\\', columns: { id: { type: 'int', primary: true } } });`,
      'entities: [odd]',
    );
    await database.run('CREATE SCHEMA "a\\"');
    await migrate(file);
    expect(await statementsGenerated(file)).toBe(0);
    const { code, report } = await checked('-d', file, '--fail-on', 'drift');
    expect(report.connections).toMatchObject([{ drift: { statements: null, skipped: 'other' } }]);
    expect(code).toBe(2);
  });
});

/** Every file of the project's folder for data, with its bytes. */
function contents(folder = 'data'): Record<string, string> {
  return Object.fromEntries(
    readdirSync(project.path(folder))
      .sort()
      .map((file) => [file, readFileSync(project.path(`${folder}/${file}`)).toString('base64')]),
  );
}

describe('Drift on SQLite', () => {
  const write = (options = ALL, rest: Partial<DataSourceFile> = {}): string =>
    project.dataSource('data-source.js', {
      connection: `type: 'better-sqlite3', database: '${project.path('data/app.sqlite')}'`,
      before: entities('"'),
      options,
      ...rest,
    });

  it('is read of the file, which stays as it is', async () => {
    const file = write();
    await migrate(file, ...HAND);
    const before = contents();
    const statements = await statementsGenerated(file);
    for (const exported of [undefined, 'exports.AppDataSource = dataSource.initialize();']) {
      const wild = write(
        `${ALL}, synchronize: true, dropSchema: true, migrationsRun: true, enableWAL: true, logging: true, logger,
        prepareDatabase: (database) => { database.exec('CREATE TABLE prepared (id)'); }`,
        exported === undefined ? {} : { exported },
      );
      const { code, report } = await checked('-d', wild, '--fail-on', 'drift');
      expect(report.connections).toMatchObject([{ drift: { statements } }]);
      expect(statements).toBeGreaterThan(0);
      expect(code).toBe(1);
      expect(contents()).toEqual(before);
      expect(logged).toEqual([]);
    }
  });

  it('is read of a write-ahead log that was closed, and leaves nothing beside the file', async () => {
    const file = write(`${ALL}, enableWAL: true`);
    await migrate(file, ...HAND);
    const before = contents();
    expect(Object.keys(before)).toEqual(['app.sqlite']);
    expect((await checked('-d', file, '--fail-on', 'drift')).code).toBe(1);
    expect(contents()).toEqual(before);
  });

  it('is read of attached databases, and makes none, nor its folder', async () => {
    const far = `const far = new EntitySchema({ name: 'far', database: 'far/other.sqlite', columns: { id: { type: 'int', primary: true }, v: { type: 'int' } } });`;
    const file = write('entities: [users, far]', { before: `${entities('"')}${far}` });
    await migrate(file);
    const before = contents('data/far');
    expect((await checked('-d', file, '--fail-on', 'drift')).code).toBe(0);
    expect(contents('data/far')).toEqual(before);
    const other = new Database(project.path('data/far/other.sqlite'));
    other.exec('CREATE INDEX by_hand ON far (v)');
    other.close();
    expect((await checked('-d', file, '--fail-on', 'drift')).report.connections).toMatchObject([
      { drift: { differences: [{ change: 'drop index', name: 'far/other.sqlite.by_hand' }] } },
    ]);
    rmSync(project.path('data/far'), { recursive: true });
    const { code, report } = await checked('-d', file, '--fail-on', 'drift');
    expect(report.connections[0]?.drift?.statements).not.toBe(0);
    expect(code).toBeGreaterThan(0);
    expect(existsSync(project.path('data/far'))).toBe(false);
  });

  it('is not known of a database in memory', async () => {
    const file = write('entities: [users], migrations: []', {
      connection: "type: 'better-sqlite3', database: ':memory:'",
    });
    const { code, stdout } = await command(['check', '-d', file, '--fail-on', 'drift']);
    expect(stdout).toContain('default: schema drift is not known (shared_connection). ');
    expect(code).toBe(2);
  });

  it.each(['', 'entities: []'])('is not known without entities: { %s }', async (options) => {
    await migrate(write(), ...HAND);
    const file = write(options);
    const { code, stdout } = await command(['check', '-d', file, '--fail-on', 'unapplied,drift']);
    expect(stdout).toContain('default: schema drift is not known (no_entities). ');
    expect(code).toBe(2);
    const { report, code: unchanged } = await checked('-d', file, '--drift');
    expect(report.connections).toMatchObject([{ drift: { statements: null, skipped: 'no_entities' } }]);
    expect(unchanged).toBe(0);
  });

  describe('that is known', () => {
    let file: string;
    beforeEach(async () => {
      file = write();
      await migrate(file, ...HAND);
    });

    it('is ignored by a pattern', async () => {
      const { code, report, stderr } = await checked(
        ...['-d', file, '--fail-on', 'drift'],
        ...['--drift-ignore', 'orders.by_*', '--drift-ignore', 'drop column:users.extra'],
      );
      const drift = report.connections[0]?.drift;
      expect(drift).toMatchObject({ statements: 0, differences: [] });
      expect(drift?.ignored).toHaveLength(3);
      expect([code, stderr]).toEqual([0, '']);
    });

    it('is in a baseline that was made of a report: what is new counts, and what is gone is told', async () => {
      const { report } = await checked('-d', file, '--drift');
      const list = report.connections.flatMap(({ drift }) => drift?.differences ?? []);
      const baseline = project.write('baseline.json', JSON.stringify(list));
      const args = ['-d', file, '--fail-on', 'drift', '--drift-baseline', baseline];
      expect(await checked(...args)).toMatchObject({ code: 0, stderr: '' });
      const database = new Database(project.path('data/app.sqlite'));
      database.exec('DROP INDEX by_hand; CREATE INDEX by_another ON orders (code)');
      database.close();
      const changed = await checked(...args);
      expect(changed).toMatchObject({
        code: 1,
        stderr:
          '--drift-baseline has differences that no longer exist: drop index:orders.by_hand. Remove them.\n',
      });
      expect(changed.report.connections[0]?.drift?.differences).toMatchObject([{ name: 'by_another' }]);
    });

    it('is told once if no connection has it', async () => {
      const args = ['-d', `a=${file}`, '-d', `b=${file}`, '--drift', '--drift-ignore', 'nowhere.*'];
      const { stderr, code } = await checked(...args, '--drift-ignore', 'orders.by_hand');
      expect(stderr).toBe('--drift-ignore nowhere.* matches no difference: remove it.\n');
      expect(code).toBe(0);
    });

    it.each([
      ['missing.json', undefined, ' could not be read (ENOENT). Make it with: check --drift --json'],
      ['broken.json', '[{', ' is not a JSON list of differences. Make it with: check --drift --json'],
      ['report.json', '{ "connections": [] }', ' is not a JSON list of differences. '],
      ['names.json', '["orders.by_hand"]', ' is not a JSON list of differences. '],
    ])('is refused in %s', async (name, text, message) => {
      const baseline = text === undefined ? project.path(name) : project.write(name, text);
      await expect(command(['check', '-d', file, '--drift', '--drift-baseline', baseline])).rejects.toThrow(
        `--drift-baseline ${baseline}${message}`,
      );
    });

    it('is not overwritten by the report', async () => {
      const baseline = project.write('baseline.json', '[]');
      const args = ['check', '-d', file, '--drift', '--drift-baseline', baseline, '--output', baseline];
      await expect(command(args)).rejects.toThrow('is a file that this command reads');
    });
  });

  it('is told in words', async () => {
    const file = write();
    await migrate(file, ...HAND);
    const { stdout } = await command(['check', '-d', file, '--drift', '--drift-ignore', 'users.extra']);
    expect(stdout).toBe(
      [
        'connection  ok   applied  unapplied  unknown  out of order  drift',
        'default     yes        2          0        0             0      2',
        '',
        'default has a schema that differs from its entities (2 statements):',
        '  drop index:orders.by_hand',
        '  create index:orders.by_code',
        '',
        'default has 1 known difference.',
        '',
      ].join('\n'),
    );
  });

  it('is read of a Nest module', async () => {
    const file = write();
    await migrate(file, ...HAND);
    const module = project.write(
      'app.module.js',
      "const { Module } = require('@nestjs/common');",
      "const { TypeOrmModule } = require('@nestjs/typeorm');",
      "const { EntitySchema } = require('typeorm');",
      entities('"'),
      `class First1700000000000 {} class Second1700000000001 {}`,
      'class AppModule {}',
      'Module({ imports: [',
      `  TypeOrmModule.forRoot({ type: 'better-sqlite3', database: '${project.path('data/app.sqlite')}', autoLoadEntities: true, synchronize: true,`,
      '    migrations: [First1700000000000, Second1700000000001] }),',
      '  TypeOrmModule.forFeature([users, orders, view]),',
      '] })(AppModule);',
      'exports.AppModule = AppModule;',
    );
    const before = contents();
    const { code, report } = await checked('--module', module, '--fail-on', 'drift');
    expect(report.connections[0]?.drift?.differences).toHaveLength(3);
    expect(code).toBe(1);
    expect(contents()).toEqual(before);
  });

  it('names an entity that cannot be built', async () => {
    const file = write(
      "entities: [new EntitySchema({ name: 'broken', columns: { id: { type: 'nonsense', primary: true } } })]",
    );
    project.database('data/app.sqlite', MIGRATIONS);
    copyFileSync(file, project.path('copy.js'));
    expect((await checked('-d', project.path('copy.js'))).code).toBe(0);
    const { code, stderr } = await checked('-d', file, '--drift');
    expect(stderr).toContain('default: the files of its entities and migrations could not be loaded. ');
    expect(code).toBe(2);
  });
});
