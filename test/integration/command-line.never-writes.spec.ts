import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import Database from 'better-sqlite3';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { command } from '../support/command';
import { MARIADB, POSTGRES, type TestDatabase, type TestServer } from '../support/databases';
import { MIGRATIONS, Project } from '../support/project';
import { parseReport } from '../support/report-schema';
import { WireTap } from '../support/wire-tap';

let project: Project;
/** What the application's own logger was given. */
const logged: unknown[] = [];
Object.assign(globalThis, { logged });

beforeEach(() => {
  logged.length = 0;
  project = new Project();
});
afterEach(() => project.remove());

/** Each makes `initialize()` write by itself, or would if an entity were built. */
const WRITING: readonly (readonly [what: string, options: string])[] = [
  ['migrationsRun', 'migrationsRun: true'],
  ['synchronize', 'synchronize: true, entities: [user]'],
  ['dropSchema', 'dropSchema: true'],
  ['cache', 'cache: true, synchronize: true'],
  [
    'cache with a table of its own',
    "cache: { type: 'database', tableName: 'cached', alwaysEnabled: true }, synchronize: true",
  ],
  ['views and generated columns', 'synchronize: true, entities: [user, view]'],
  ['a subscriber', 'migrationsRun: true, subscribers: [Subscriber]'],
  [
    'all at once',
    'migrationsRun: true, synchronize: true, dropSchema: true, cache: true, entities: [user, view], logging: true, logger',
  ],
];

/** Entities, a logger and a subscriber for {@link WRITING}, as JavaScript. */
const declarations = (uuid: string, upper: string) => `
const user = new EntitySchema({ name: 'user', columns: {
  id: ${uuid},
  name: { type: 'varchar', length: 100 },
  upper: { type: 'varchar', length: 100, generatedType: 'STORED', asExpression: '${upper}' },
} });
const view = new EntitySchema({ name: 'user_view', type: 'view', expression: 'SELECT name FROM ${upper.includes('"') ? '"user"' : '`user`'}', columns: { name: { type: 'varchar' } } });
const printed = (...words) => globalThis.logged.push(words);
const logger = { logQuery: printed, logQueryError: printed, logQuerySlow: printed, logSchemaBuild: printed, logMigration: printed, log: printed };
class Subscriber { beforeInsert() {} }
require('typeorm').EventSubscriber()(Subscriber);`;

/** Who connects: the command, or the file before it exports. */
const EXPORTED = [
  ['the command connects', 'exports.dataSource = dataSource;'],
  [
    'the command connects, and the options are frozen',
    'exports.dataSource = dataSource; Object.freeze(dataSource.options);',
  ],
  ['the file connects', 'exports.dataSource = dataSource.initialize();'],
  [
    'its factory connects',
    'exports.default = async () => { await dataSource.initialize(); return dataSource; };',
  ],
  [
    'its factory connects, and calls what writes',
    "exports.default = async () => { await dataSource.initialize(); for (const call of ['dropDatabase', 'synchronize', 'runMigrations', 'undoLastMigration']) await dataSource[call](); return dataSource; };",
  ],
] as const;

/** Every option with the command connecting, and all of them together with each of the others. */
function cases(options: typeof WRITING) {
  return options.flatMap(([what, text]) =>
    EXPORTED.filter(([who]) => who === EXPORTED[0][0] || what === 'all at once').map(([who, exported]) => ({
      what,
      who,
      options: text,
      exported,
    })),
  );
}

const require = createRequire(__filename);

/** Connects the DataSource of a file without the command. */
async function openedByItself(file: string): Promise<void> {
  const { dataSource } = require(file) as { dataSource: DataSource };
  await dataSource.initialize();
  await dataSource.destroy();
}

const READS = /^\s*(SELECT|SHOW)\b(?!.*\bINTO\b)/is;

interface Server extends TestServer {
  readonly uuid: string;
  readonly upper: string;
  readonly more: readonly (readonly [what: string, options: string])[];
  /** Lists everything that is in a database. */
  readonly contents: string;
}

const SERVERS: readonly Server[] = [
  {
    ...POSTGRES,
    uuid: "{ type: 'uuid', primary: true, generated: 'uuid' }",
    upper: 'upper("name")',
    more: [
      ['uuid columns', 'entities: [user]'],
      ['extensions', "installExtensions: true, extensions: ['hstore']"],
    ],
    contents: `SELECT 'relation' AS kind, oid::regclass::text AS name, relfilenode::text AS place FROM pg_class WHERE relnamespace = 'public'::regnamespace
      UNION SELECT 'extension', extname, '' FROM pg_extension UNION SELECT 'schema', nspname, '' FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'
      UNION SELECT 'row', name, xmin::text FROM migrations ORDER BY 1, 2`,
  },
  {
    ...MARIADB,
    uuid: "{ type: 'uuid', primary: true, generated: 'uuid' }",
    upper: 'upper(`name`)',
    more: [],
    contents: `SELECT 'table' AS kind, table_name AS name, CAST(create_time AS CHAR) AS place FROM information_schema.tables WHERE table_schema = DATABASE()
      UNION SELECT 'row', name, id FROM migrations ORDER BY 1, 2`,
  },
];

const AVAILABLE = SERVERS.filter(({ available }) => available);

describe.each(AVAILABLE)('on $name, whatever the options say', (server) => {
  let database: TestDatabase;
  let tap: WireTap;

  beforeEach(async () => {
    database = await server.create();
    tap = await WireTap.before(database.url);
    await database.run(
      `CREATE TABLE migrations (id ${server.type === 'postgres' ? 'serial' : 'int AUTO_INCREMENT'} PRIMARY KEY, timestamp bigint NOT NULL, name varchar(100) NOT NULL)`,
      `INSERT INTO migrations (timestamp, name) VALUES (1700000000000, '${MIGRATIONS[0]}')`,
    );
  });
  afterEach(async () => {
    await tap.close();
    await database.drop();
  });

  const write = (options: string, exported: string): string =>
    project.dataSource('data-source.js', {
      connection: `type: '${server.type}', url: '${tap.url(database.url)}'`,
      options,
      exported,
      before: declarations(server.uuid, server.upper),
    });

  it.each([...WRITING, ...server.more])('%s: would write by itself', async (_what, options) => {
    await openedByItself(write(options, 'exports.dataSource = dataSource;'));
    expect(tap.statements.filter((statement) => !READS.test(statement))).not.toEqual([]);
  });

  it.each(cases([...WRITING, ...server.more]))(
    '$what ($who): reads, and nothing else',
    async ({ options, exported }) => {
      const before = await database.run(server.contents);
      const { code, stdout } = await command(['check', '-d', write(options, exported), '--json']);
      expect(parseReport(stdout).connections).toMatchObject([{ applied: 1, unapplied: [MIGRATIONS[1]] }]);
      expect(code).toBe(1);
      expect(tap.statements).not.toEqual([]);
      expect(tap.statements.filter((statement) => !READS.test(statement))).toEqual([]);
      expect(await database.run(server.contents)).toEqual(before);
      expect(logged).toEqual([]);
    },
  );
});

/** Every file of the project's folder for data, with its bytes. */
function contents(folder = 'data'): Record<string, string> {
  const files = readdirSync(project.path(folder)).sort();
  return Object.fromEntries(
    files.map((file) => [file, readFileSync(project.path(`${folder}/${file}`)).toString('base64')]),
  );
}

describe('on SQLite, whatever the options say', () => {
  const SQLITE: typeof WRITING = [
    ...WRITING,
    ['enableWAL', 'enableWAL: true'],
    [
      'a preparation that writes',
      "prepareDatabase: (database) => { database.exec('CREATE TABLE prepared (id)'); }",
    ],
    [
      'a preparation that changes the journal',
      "prepareDatabase: async (database) => { database.pragma('journal_mode = WAL'); database.pragma('user_version = 7'); }",
    ],
  ];
  const sent: string[] = [];
  Object.assign(globalThis, { sent });

  const write = (options: string, exported: string, driver = 'better-sqlite3'): string => {
    const file = project.database('data/app.sqlite', MIGRATIONS.slice(0, 1));
    sent.length = 0;
    return project.dataSource('data-source.js', {
      connection: `type: '${driver}', ${driver === 'sqljs' ? 'location' : 'database'}: '${file}'`,
      options: `verbose: (statement) => globalThis.sent.push(statement), ${options}`,
      exported,
      before: declarations("{ type: 'varchar', primary: true, generated: 'uuid' }", 'upper("name")'),
    });
  };
  const SQLITE_READS = /^\s*(SELECT|PRAGMA (foreign_keys|query_only) = ON)\b/i;

  it.each(SQLITE)('%s: would write by itself', async (_what, options) => {
    const file = write(options, 'exports.dataSource = dataSource;');
    const before = contents();
    await openedByItself(file);
    expect(contents()).not.toEqual(before);
  });

  it.each(cases(SQLITE))('$what ($who): reads, and nothing else', async ({ what, options, exported }) => {
    const file = write(options, exported);
    const before = contents();
    const { code, stdout } = await command(['check', '-d', file, '--json']);
    expect(parseReport(stdout).connections).toMatchObject([{ applied: 1, unapplied: [MIGRATIONS[1]] }]);
    expect(code).toBe(1);
    expect(contents()).toEqual(before);
    expect(sent).not.toEqual([]);
    const wrote = sent.filter((statement) => !SQLITE_READS.test(statement));
    if (!what.includes('preparation')) expect(wrote).toEqual([]);
  });

  it.each(EXPORTED)('sql.js writes no file: %s', async (_who, exported) => {
    const file = write('autoSave: true, migrationsRun: true, synchronize: true', exported, 'sqljs');
    const before = contents();
    const { code, stdout } = await command(['check', '-d', file, '--json']);
    expect(parseReport(stdout).connections).toMatchObject([{ applied: 1, unapplied: [MIGRATIONS[1]] }]);
    expect(code).toBe(1);
    expect(contents()).toEqual(before);
  });

  it.each([
    'await dataSource.sqljsManager.saveDatabase();',
    "await dataSource.sqljsManager.saveDatabase(__dirname + '/data/copy.sqlite');",
    'await dataSource.driver.save();',
    'await dataSource.driver.autoSave();',
    'dataSource.driver.options.autoSave = true; await dataSource.driver.autoSave();',
  ])('sql.js writes no file if it is told to: %s', async (call) => {
    const file = write(
      '',
      `exports.default = async () => { await dataSource.initialize(); dataSource.driver.databaseConnection.run('CREATE TABLE made (id)'); ${call} return dataSource; };`,
      'sqljs',
    );
    const before = contents();
    expect(await command(['check', '-d', file])).toMatchObject({ code: 1, stderr: '' });
    expect(contents()).toEqual(before);
  });

  it('says that a folder is no database', async () => {
    const file = project.dataSource('data-source.js', {
      connection: "type: 'better-sqlite3', database: __dirname",
    });
    const { code, stdout, stderr } = await command(['check', '-d', file, '--json']);
    expect(parseReport(stdout).connections).toMatchObject([{ reason: 'unreachable' }]);
    expect([code, stderr]).toEqual([2, '']);
  });

  it('sql.js would write by itself', async () => {
    const file = write('autoSave: true, migrationsRun: true', 'exports.dataSource = dataSource;', 'sqljs');
    const before = contents();
    await openedByItself(file);
    expect(contents()).not.toEqual(before);
  });

  describe.each(['better-sqlite3', 'sqljs'])('a file of %s that does not exist', (driver) => {
    it.each(EXPORTED)('is not made, nor is its folder: %s', async (_who, exported) => {
      const file = write('autoSave: true, migrationsRun: true, synchronize: true', exported, driver);
      rmSync(project.path('data'), { recursive: true });
      const { code, stdout } = await command(['check', '-d', file, '--json']);
      expect(parseReport(stdout).connections).toMatchObject([
        { status: 'unreadable', reason: 'unreachable' },
      ]);
      expect(code).toBe(2);
      expect(existsSync(project.path('data'))).toBe(false);
    });

    it('would be made otherwise', async () => {
      const file = write('autoSave: true, migrationsRun: true', 'exports.dataSource = dataSource;', driver);
      rmSync(project.path('data'), { recursive: true });
      mkdirSync(project.path('data'));
      await openedByItself(file).catch(() => {});
      expect(readdirSync(project.path('data'))).not.toEqual([]);
    });
  });

  describe('a write-ahead log', () => {
    const open = (): Database.Database => {
      const database = new Database(project.database('data/app.sqlite', MIGRATIONS.slice(0, 1)));
      database.pragma('journal_mode = WAL');
      database.exec(`INSERT INTO migrations (timestamp, name) VALUES (1700000000001, '${MIGRATIONS[1]}')`);
      return database;
    };
    const checked = async (options?: string, exported?: string) => {
      const file = project.dataSource('data-source.js', {
        ...(options !== undefined && { options }),
        ...(exported !== undefined && { exported }),
        connection: `type: 'better-sqlite3', database: '${project.path('data/app.sqlite')}'`,
      });
      const { code, stdout } = await command(['check', '-d', file, '--json']);
      expect(parseReport(stdout).connections).toMatchObject([{ applied: 2, unapplied: [] }]);
      expect(code).toBe(0);
    };

    it('that was closed leaves nothing new beside the file', async () => {
      open().close();
      const before = contents();
      expect(Object.keys(before)).toEqual(['app.sqlite']);
      await checked();
      expect(contents()).toEqual(before);
    });

    it('that was closed is not written by the preparation', async () => {
      open().close();
      const before = contents();
      await checked("prepareDatabase: (database) => { database.exec('CREATE TABLE prepared (id)'); }");
      await checked("prepareDatabase: (database) => { database.pragma('user_version = 7'); }");
      await checked("prepareDatabase: (database) => { database.pragma('journal_mode = DELETE'); }");
      await checked(
        "prepareDatabase: (database) => { database.exec('PRAGMA main.journal_mode = DELETE; SELECT 1'); }",
      );
      await checked(
        "prepareDatabase: (database) => { database.pragma('query_only = OFF'); database.exec('CREATE TABLE prepared (id)'); }",
      );
      expect(contents()).toEqual(before);
    });

    it('that was closed is not written by pragmas', async () => {
      open().close();
      const before = contents();
      for (const pragma of [
        'query_only = OFF',
        'user_version = 7',
        'journal_mode = DELETE',
        'wal_checkpoint',
      ]) {
        await checked(
          undefined,
          `exports.default = async () => { await dataSource.initialize(); await dataSource.query('PRAGMA query_only = OFF'); await dataSource.query('PRAGMA ${pragma}'); return dataSource; };`,
        );
      }
      expect(contents()).toEqual(before);
    });

    it('that another has open is read, and left as it is', async () => {
      const other = open();
      const { 'app.sqlite-shm': _shared, ...before } = contents();
      expect(Object.keys(before)).toEqual(['app.sqlite', 'app.sqlite-wal']);
      await checked();
      // The list of readers is in the file of shared memory.
      const { 'app.sqlite-shm': shared, ...after } = contents();
      expect(after).toEqual(before);
      expect(shared).toBeDefined();
      other.close();
    });

    it('that a crash has left is read, and not written back', async () => {
      const other = open();
      mkdirSync(project.path('copy'));
      for (const file of ['app.sqlite', 'app.sqlite-wal'])
        copyFileSync(project.path(`data/${file}`), project.path(`copy/${file}`));
      other.close();
      rmSync(project.path('data'), { recursive: true });
      renameSync(project.path('copy'), project.path('data'));
      const before = contents();
      await checked();
      const { 'app.sqlite-shm': _shared, ...after } = contents();
      expect(after).toEqual(before);
    });
  });
});
