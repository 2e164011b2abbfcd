import { cpSync, existsSync, lstatSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandError } from '../../lib/cli/command-error';
import { command } from '../support/command';
import { createPostgres, MARIADB, POSTGRES, type TestDatabase, type TestServer } from '../support/databases';
import { MIGRATIONS, Project } from '../support/project';
import { parseReport } from '../support/report-schema';
import { WireTap } from '../support/wire-tap';

const require = createRequire(__filename);
let project: Project;

beforeEach(() => {
  project = new Project();
});
afterEach(() => project.remove());

/** A copy of TypeORM under another name, as an alias of npm or a fork gives it. */
function copyTypeorm(name: string): void {
  const packages = realpathSync(project.path('node_modules'));
  rmSync(project.path('node_modules'));
  for (const entry of readdirSync(packages)) {
    const target = project.path(`node_modules/${entry}`);
    if (!existsSync(dirname(target))) project.write('node_modules/.keep');
    symlinkSync(
      join(packages, entry),
      target,
      lstatSync(join(packages, entry)).isDirectory() ? 'dir' : 'file',
    );
  }
  cpSync(join(packages, 'typeorm'), project.path(`node_modules/${name}`), {
    recursive: true,
    filter: (file) => !/\.(d\.ts|map)$|[\\/]browser([\\/]|$)/.test(file),
  });
}

interface Server extends TestServer {
  /** Everything that is in a database. */
  readonly contents: string;
  /** TypeORM's own way to write. */
  readonly key: string;
}

const SERVERS: readonly Server[] = [
  {
    ...POSTGRES,
    key: 'serial',
    contents:
      "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace UNION SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1",
  },
  {
    ...MARIADB,
    key: 'int AUTO_INCREMENT',
    contents:
      'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1',
  },
];

const READS = /^\s*(SELECT|SHOW|START TRANSACTION|COMMIT|ROLLBACK)\b(?!.*\bINTO\b)/is;

/** What a file does with a DataSource that is connected. Each writes without the command. */
const WRITING: readonly (readonly [what: string, call: string])[] = [
  ['runMigrations()', 'await dataSource.runMigrations();'],
  ['runMigrations() of a subclass', 'await subclass.initialize(); await subclass.runMigrations();'],
  ['super.runMigrations() of a subclass', 'await subclass.boot();'],
  [
    'runMigrations() of the class',
    'await DataSource.prototype.runMigrations.call(dataSource).catch(noted); return dataSource;',
  ],
  ['showMigrations()', 'await dataSource.showMigrations();'],
  ['a MigrationExecutor shows', 'await new MigrationExecutor(dataSource).showMigrations();'],
  [
    'a MigrationExecutor runs',
    'await new MigrationExecutor(dataSource).executePendingMigrations().catch(noted);',
  ],
  [
    'a MigrationExecutor fakes',
    'const executor = new MigrationExecutor(dataSource); executor.fake = true; await executor.executePendingMigrations().catch(noted);',
  ],
  [
    'a MigrationExecutor runs one',
    'const executor = new MigrationExecutor(dataSource); const [first] = await executor.getPendingMigrations(); await executor.executeMigration(first).catch(noted);',
  ],
  [
    'a query runner',
    "const runner = dataSource.createQueryRunner(); await runner.createTable(new Table({ name: 'made', columns: [{ name: 'id', type: 'int' }] })); await runner.release();",
  ],
  [
    'a transaction',
    "await dataSource.transaction((manager) => manager.query('CREATE TABLE made (id int)'));",
  ],
  ['a statement of its own', "await dataSource.query('CREATE TABLE made (id int)');"],
];

/** Where TypeORM comes from. */
const ORIGINS = [
  ['typeorm', 'typeorm'],
  ['an alias', 'typeorm-latest'],
  ['a fork', '@fork/typeorm'],
] as const;

const fileOf = (typeorm: string, connection: string, exported: string) =>
  [
    `const { DataSource, MigrationExecutor, Table } = require('${typeorm}');`,
    ...MIGRATIONS.map(
      (name) =>
        `class ${name} { async up(runner) { await runner.query('CREATE TABLE ${name} (id int)'); } async down() {} }`,
    ),
    'const noted = () => undefined;',
    'class Subclass extends DataSource {',
    '  #own = 1;',
    '  async initialize() { await super.initialize(); if (this.#own) await super.runMigrations(); return this; }',
    '  async runMigrations(options) { return super.runMigrations(options); }',
    '  async boot() { await super.initialize(); await super.runMigrations(); }',
    '}',
    `const options = Object.freeze({ ${connection}, migrations: [${MIGRATIONS.join(', ')}] });`,
    'const dataSource = new DataSource(options);',
    'const subclass = new Subclass(options);',
    exported,
  ].join('\n');

describe.each(SERVERS.filter(({ available }) => available))('on $name', (server) => {
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

  const write = (exported: string, typeorm = 'typeorm'): string =>
    project.write(
      'data-source.js',
      fileOf(typeorm, `type: '${server.type}', url: '${tap.url(database.url)}'`, exported),
    );

  async function expectUnapplied(file: string): Promise<void> {
    const before = await database.run(server.contents);
    const { code, stdout } = await command(['check', '-d', file, '--json']);
    expect(parseReport(stdout).connections).toMatchObject([{ applied: 0, unapplied: MIGRATIONS }]);
    expect(code).toBe(1);
    expect(tap.statements).not.toEqual([]);
    expect(tap.statements.filter((statement) => !READS.test(statement))).toEqual([]);
    expect(await database.run(server.contents)).toEqual(before);
  }

  const factory = (call: string) =>
    `exports.default = async () => { await dataSource.initialize(); ${call} return dataSource; }; exports.default.both = [dataSource, subclass];`;

  it.each(WRITING)('%s: writes without the command', async (_what, call) => {
    const before = await database.run(server.contents);
    const { default: make } = require(write(factory(call))) as {
      default: { (): Promise<DataSource>; both: DataSource[] };
    };
    await make();
    for (const dataSource of make.both) if (dataSource.isInitialized) await dataSource.destroy();
    expect(await database.run(server.contents)).not.toEqual(before);
  });

  it.each(WRITING)('%s: writes nothing', async (_what, call) => {
    await expectUnapplied(write(factory(call)));
  });

  it.each(ORIGINS)('with migrationsRun and %s: writes nothing', async (_what, typeorm) => {
    if (typeorm !== 'typeorm') copyTypeorm(typeorm);
    await expectUnapplied(
      write(
        'exports.default = (async () => { const own = new DataSource({ ...options, migrationsRun: true }); await own.initialize(); return own; })();',
        typeorm,
      ),
    );
  });
});

/** Each writes on PostgreSQL, and does not look like it. */
const DISGUISED: readonly (readonly [statement: string])[] = [
  ['SELECT 1; /* why */ DROP TABLE kept'],
  ['SELECT 1; WITH gone AS (DELETE FROM kept RETURNING *) SELECT * FROM gone'],
  ['WITH gone AS (DELETE FROM kept RETURNING *) SELECT * FROM gone'],
  ['SELECT * INTO written FROM kept'],
  ["SELECT 1; DO $$ BEGIN EXECUTE 'DROP TABLE kept'; END $$"],
  ["SELECT 1; COPY kept TO PROGRAM 'cat > /dev/null'; TRUNCATE kept"],
  ["SELECT '\\'; DROP TABLE kept; --'"],
  ["SELECT E'\\'', 'a'; DROP TABLE kept; --'"],
  ["/* /* */ ' */ SELECT 1; DROP TABLE kept --'"],
  ['EXPLAIN ANALYZE DELETE FROM kept'],
];

describe('on PostgreSQL, a statement that looks as if it read', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createPostgres();
    await database.run('CREATE TABLE kept (id int)');
    await database.run('INSERT INTO kept VALUES (1)');
  });
  afterEach(() => database.drop());

  const contents = () =>
    database
      .run(`SELECT (SELECT count(*) FROM kept) AS kept, to_regclass('written') AS written`)
      .catch(() => 'dropped');
  const write = (statement: string) =>
    project.write(
      'data-source.js',
      fileOf(
        'typeorm',
        `type: 'postgres', url: '${database.url}'`,
        `exports.default = async () => { await dataSource.initialize(); await dataSource.query(${JSON.stringify(statement)}); return dataSource; };`,
      ),
    );

  it.each(DISGUISED)('writes without the command: %s', async (statement) => {
    const before = await contents();
    const { default: make } = require(write(statement)) as { default(): Promise<DataSource> };
    const dataSource = await make();
    await dataSource.destroy();
    expect(await contents()).not.toEqual(before);
  });

  it.each(DISGUISED)('writes nothing: %s', async (statement) => {
    const before = await contents();
    const { code } = await command(['check', '-d', write(statement)]);
    expect(code).toBe(1);
    expect(await contents()).toEqual(before);
  });
});

describe('what a file exports', () => {
  const write = (exported: string, before = '') => project.dataSource('data-source.js', { exported, before });

  it.each([
    ['a default function', "exports.default = () => { throw new Error('called'); };"],
    ['a promise that never settles', 'exports.later = new Promise(() => {});'],
    ['a promise that fails', 'exports.later = Promise.reject(new Error()); exports.later.catch(() => {});'],
    ['a thenable', "exports.query = { then() { throw new Error('awaited'); } };"],
    [
      'a getter that throws',
      "Object.defineProperty(exports, 'lazy', { enumerable: true, get() { throw new Error('read'); } });",
    ],
    ['a proxy that throws', "exports.proxy = new Proxy({}, { get() { throw new Error('read'); } });"],
  ])('is left alone beside a DataSource: %s', async (_what, more) => {
    const { code } = await command(['check', '-d', write(`exports.dataSource = dataSource; ${more}`)]);
    expect(code).toBe(1);
  });

  it.each([
    ['export default buildDataSource()', 'exports.default = (async () => dataSource.initialize())();'],
    ['module.exports = new DataSource()', 'module.exports = dataSource;'],
    ['module.exports = buildDataSource()', 'module.exports = (async () => dataSource)();'],
    ['a proxy', 'exports.dataSource = new Proxy(dataSource, {});'],
    [
      'a function, and no DataSource',
      "exports.default = () => dataSource; exports.other = { then() { throw new Error('awaited'); } };",
    ],
  ])('%s', async (_what, exported) => {
    const { code } = await command(['check', '-d', write(exported)]);
    expect(code).toBe(1);
  });

  /** Migrations that load for a moment, as many files or an ES module with an await do. */
  const slow = () => {
    project.write(
      'migrations/slow.mjs',
      "import { setTimeout } from 'node:timers/promises';",
      'await setTimeout(300);',
      ...MIGRATIONS.map((name) => `export class ${name} { async up() {} async down() {} }`),
    );
    return `new DataSource({ type: 'better-sqlite3', database: '${project.database('slow.sqlite')}', migrations: [__dirname + '/migrations/*.mjs'] })`;
  };

  it.each([
    ['once', 'own.initialize();'],
    ['twice', 'own.initialize(); own.initialize();'],
    [
      'before and after destroy()',
      'own.initialize(); setTimeout(() => own.destroy().then(() => own.initialize(), () => {}), 20);',
    ],
  ])('awaits initialize() that the file calls %s', async (_what, calls) => {
    const file = write(`const own = ${slow()}; ${calls} exports.own = own;`);
    const { code, stdout } = await command(['check', '-d', file, '--json']);
    expect(parseReport(stdout).connections).toMatchObject([{ unapplied: MIGRATIONS }]);
    expect(code).toBe(1);
    const { stdout: exposition } = await command(['metrics', '-d', file]);
    expect(exposition).toContain('typeorm_migrations_unapplied_total{connection="default"} 2');
  });
});

it('on SQLite, a read that fails after a write that was not sent is no empty table', async () => {
  const file = project.dataSource('data-source.js', {
    applied: MIGRATIONS,
    options: 'prepareDatabase: (database) => { globalThis.opened = database; }',
    exported:
      "exports.default = async () => { await dataSource.initialize(); await dataSource.query('CREATE TABLE made (id int)'); globalThis.opened.close(); return dataSource; };",
  });
  const { code, stdout } = await command(['check', '-d', file, '--json']);
  expect(parseReport(stdout).connections).toMatchObject([{ status: 'unreadable', applied: null }]);
  expect(code).toBe(2);
});

describe('an initialize() of its own', () => {
  const fileOf = (body: string) =>
    project.dataSource('data-source.js', {
      exported: [
        'class Own extends DataSource {',
        `  async initialize() { ${body} }`,
        '}',
        'exports.dataSource = new Own(dataSource.options);',
      ].join('\n'),
    });

  it.each([
    ['before', "throw new Error('no vault');", [{ reason: 'other' }], 2],
    [
      'without a server',
      "throw new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }) });",
      [{ reason: 'unreachable' }],
      2,
    ],
    ['after', "await super.initialize(); throw new Error('no vault');", [{ unapplied: MIGRATIONS }], 1],
  ])('that fails %s TypeORM is not blamed on the migrations', async (_when, body, connections, exitCode) => {
    const { code, stdout, stderr } = await command(['check', '-d', fileOf(body), '--json']);
    expect(stderr).toMatch(
      /^default: its initialize\(\) failed\. (Error: no vault|TypeError: fetch failed)\. It /,
    );
    expect(parseReport(stdout).connections).toMatchObject(connections);
    expect(code).toBe(exitCode);
  });

  it('may run the migrations: nothing is said', async () => {
    const file = fileOf('await super.initialize(); await super.runMigrations(); return this;');
    expect(await command(['check', '-d', file])).toMatchObject({ code: 1, stderr: '' });
  });
});

it.each([
  ['without a prototype', 'Object.assign(Object.create(null), dataSource.options)'],
  ['of another realm', "Object.assign(require('node:vm').runInNewContext('({})'), dataSource.options)"],
])('takes options %s', async (_what, options) => {
  const file = project.dataSource('data-source.js', {
    exported: `exports.dataSource = new DataSource(${options});`,
  });
  expect(await command(['check', '-d', file])).toMatchObject({ code: 1, stderr: '' });
});

describe('what this command does not know', () => {
  const write = (exported: string) => project.dataSource('data-source.js', { exported });
  const refused = async (exported: string): Promise<string> => {
    const error: unknown = await command(['check', '-d', write(exported)]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CommandError);
    return (error as CommandError).message;
  };

  it('refuses a DataSource that was connected behind its back', async () => {
    const fields =
      "class Fork { constructor() { Object.defineProperty(this, '@instanceof', { value: Symbol.for('DataSource') }); } isInitialized = true; driver = {}; }";
    expect(await refused(`${fields} exports.dataSource = new Fork();`)).toContain(
      'default was connected before this command could make it read-only',
    );
  });

  it('refuses a fork that has no driver before initialize()', async () => {
    const fork =
      "class Fork { constructor() { this['@instanceof'] = Symbol.for('DataSource'); this.isInitialized = false; } async initialize() { throw new Error('called'); } }";
    expect(await refused(`${fork} exports.dataSource = new Fork();`)).toContain(
      'default uses an unknown version of TypeORM',
    );
  });

  it.each([
    ['has other methods', '{ options: { type: "postgres" }, open() {} }'],
    ['has no options', '{ connect() {}, afterConnect() {}, createQueryRunner() {} }'],
  ])('refuses a DataSource whose driver %s, and blames no migration', async (_what, driver) => {
    const fork =
      "class Fork { constructor() { this['@instanceof'] = Symbol.for('DataSource'); this.isInitialized = false; } async initialize() { throw new Error('called'); } }";
    expect(
      await refused(`${fork} const fork = new Fork(); fork.driver = ${driver}; exports.fork = fork;`),
    ).toBe(
      'default uses an unknown version of TypeORM: its driver differs from those of typeorm 0.3.12 and newer. ' +
        'Use typeorm 0.3.12 or newer, or read the migrations in the application.',
    );
  });

  it('guards a driver that a file sets later', async () => {
    const file = project.dataSource('data-source.js', {
      exported:
        'dataSource.driver = new dataSource.driver.constructor(dataSource);' +
        "exports.default = async () => { await dataSource.initialize(); await dataSource.query('CREATE TABLE made (id int)'); globalThis.made = await dataSource.query(\"SELECT name FROM sqlite_master WHERE name = 'made'\"); return dataSource; };",
    });
    const { code } = await command(['check', '-d', file]);
    expect(code).toBe(1);
    expect((globalThis as { made?: unknown }).made).toEqual([]);
  });

  it.each([
    [
      'PGlite',
      "type: 'postgres', driver: { Pool: class { connect() { throw new Error('opened'); } } }",
      'option driver that is not pg',
    ],
    [
      'expo',
      "type: 'expo', database: 'app', driver: { openDatabaseAsync() { throw new Error('opened'); } }",
      'type "expo"',
    ],
  ])('refuses %s', async (_what, connection, says) => {
    for (const call of ['', 'dataSource.initialize();']) {
      const file = project.dataSource('data-source.js', {
        connection,
        exported: `${call} exports.dataSource = dataSource;`,
      });
      delete require.cache[file];
      await expect(command(['check', '-d', file])).rejects.toThrow(says);
    }
  });
});
