import { mkdirSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { relative } from 'node:path';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { initialized } from '../../lib/cli/still-loading';
import { command, connections, fault } from '../support/command';
import { MIGRATIONS, Project } from '../support/project';
import { parseReport } from '../support/report-schema';

let project: Project;
const cwd = process.cwd();

beforeEach(() => {
  project = new Project();
});
afterEach(() => {
  process.chdir(cwd);
  project.remove();
});

describe('--data-source', () => {
  /** Other forms of a file that has the DataSource of data-source.js. */
  const FORMS: readonly (readonly [what: string, name: string, ...lines: string[]])[] = [
    ['CommonJS, by a name', 'a.js', "exports.anything = require('./data-source.js').AppDataSource;"],
    ['CommonJS, itself', 'a.js', "module.exports = require('./data-source.js').AppDataSource;"],
    [
      'CommonJS, compiled',
      'a.js',
      "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = require('./data-source.js').AppDataSource;",
    ],
    [
      'CommonJS, under two names',
      'a.js',
      "const { AppDataSource } = require('./data-source.js'); Object.assign(exports, { AppDataSource, default: AppDataSource });",
    ],
    [
      'CommonJS, among other things',
      'a.js',
      "exports.migrations = [1]; exports.nothing = null; exports.AppDataSource = require('./data-source.js').AppDataSource; exports.helper = () => { throw new Error('called'); };",
    ],
    ['.cjs', 'a.cjs', "exports.anything = require('./data-source.js').AppDataSource;"],
    [
      'ES module, default',
      'a.mjs',
      "import { AppDataSource } from './data-source.js';",
      'export default AppDataSource;',
    ],
    ['ES module, by a name', 'a.mjs', "export { AppDataSource } from './data-source.js';"],
    [
      'ES module, under two names',
      'a.mjs',
      "import { AppDataSource } from './data-source.js';",
      'export { AppDataSource, AppDataSource as default };',
    ],
    [
      'ES module, after an await',
      'a.mjs',
      'await new Promise((resolve) => setTimeout(resolve, 5));',
      "export default (await import('./data-source.js')).AppDataSource;",
    ],
    [
      'ES module by package.json',
      'esm/a.js',
      "import { AppDataSource } from '../data-source.js';",
      'export default AppDataSource;',
    ],
    ['a promise', 'a.js', "exports.later = Promise.resolve(require('./data-source.js').AppDataSource);"],
    [
      'a promise itself',
      'a.js',
      "module.exports = Promise.resolve(require('./data-source.js').AppDataSource);",
    ],
    ['an initialized one', 'a.js', "exports.later = require('./data-source.js').AppDataSource.initialize();"],
    ['a factory', 'a.js', "exports.default = () => require('./data-source.js').AppDataSource;"],
    ['an async factory', 'a.js', "module.exports = async () => require('./data-source.js').AppDataSource;"],
    [
      'an async factory of an ES module',
      'a.mjs',
      "export default async () => (await import('./data-source.js')).AppDataSource.initialize();",
    ],
    [
      'a subclass',
      'a.js',
      "const { DataSource } = require('typeorm'); class Mine extends DataSource {} module.exports = new Mine(require('./data-source.js').AppDataSource.options);",
    ],
    ['no extension', 'a', "module.exports = require('./data-source.js');"],
  ];

  it.each(FORMS)('takes %s', async (_what, name, ...lines) => {
    project.dataSource('data-source.js', { applied: MIGRATIONS.slice(0, 1) });
    project.write('esm/package.json', '{ "type": "module" }');
    const { code, stdout } = await command(['check', '--json', '-d', project.write(name, ...lines)]);
    expect(parseReport(stdout).connections).toMatchObject([{ connection: 'default', applied: 1 }]);
    expect(code).toBe(1);
  });

  it.each([
    [
      'two DataSources',
      "const { AppDataSource: a } = require('./data-source.js'); const { DataSource } = require('typeorm'); exports.a = a; exports.b = new DataSource(a.options);",
      'exports 2 DataSources (a, b). Name one: --data-source ',
    ],
    [
      'none',
      "exports.options = { type: 'postgres' };",
      'exports no TypeORM DataSource (it exports options). Export the result of new DataSource(…).',
    ],
    ['nothing', '', 'it exports nothing'],
    [
      'a Nest module',
      "require('reflect-metadata'); class AppModule {} require('@nestjs/common').Module({ imports: [] })(AppModule); exports.AppModule = AppModule;",
      'Pass a Nest module with --module ',
    ],
    [
      'a repository on load',
      "require('./data-source.js').AppDataSource.getMetadata('User');",
      'This command loads no entities. Call getRepository() and the like in a function',
    ],
    [
      'an alias',
      "require('src/entities/user');",
      'If it is a path alias, tsconfig.json beside the file needs it',
    ],
    ['a syntax error', 'const = 1;', 'a.js:1: Unexpected token'],
    [
      'an error of ts-node',
      "throw Object.assign(new Error('⨯ Unable to compile TypeScript:\\nerror TS5011: Set rootDir.\\n'), { name: 'TSError' });",
      'could not be loaded. TSError: error TS5011: Set rootDir.',
    ],
    [
      'an error of swc',
      "throw Object.assign(new Error('  \\u001b[31mx\\u001b[0m Expression expected\\n   ,-[/app/src/a.ts:3:1]\\n 3 | const = 1'), { code: 'GenericFailure' });",
      'could not be loaded. Error: /app/src/a.ts:3:1: Expression expected.',
    ],
    [
      'an error of esbuild',
      "throw Object.assign(new Error('Transform failed with 1 error:\\n/app/src/a.ts:3:6: ERROR: Expected identifier'), { name: 'TransformError' });",
      'could not be loaded. TransformError: /app/src/a.ts:3:6: ERROR: Expected identifier.',
    ],
    [
      'a class',
      "exports.default = require('typeorm').DataSource;",
      'exports no TypeORM DataSource (it exports default)',
    ],
    [
      'options that TypeORM refuses',
      "const { DataSource } = require('typeorm'); module.exports = new DataSource({ type: 'sqlight', database: 'x' });",
      'could not be loaded. MissingDriverError: Wrong driver: "sqlight" given.',
    ],
    ['a URL with a password that is none', "new URL('postgres://root:hunter2@'); ", 'could not be loaded.'],
    [
      'an error with a DSN',
      "throw new Error('Cannot reach root:hunter2@db.example.com:5432/app');",
      'could not be loaded. Error: Cannot reach …@db.example.com:5432/app',
    ],
    [
      'an error with a connection string',
      "throw new Error('Bad: Server=db;User Id=sa;Password=hunter2;Encrypt=true');",
      'could not be loaded. Error: Bad: Server=db;User Id=sa;Password=…',
    ],
    ['an error with JSON', `throw new Error('{"user":"sa","password":"hunter2"}');`, 'could not be loaded.'],
    [
      "a driver's error",
      "throw Object.assign(new Error('password authentication failed for user \"hunter2\"'), { name: 'error', code: '28P01' });",
      'could not be loaded. error (28P01).',
    ],
    [
      "a driver's error without a code",
      "throw Object.assign(new Error('hunter2'), { name: 'QueryFailedError', driverError: {} });",
      'could not be loaded. QueryFailedError.',
    ],
    ['an error of many lines', "throw new Error('first\\nhunter2');", 'could not be loaded. Error: first'],
    ['a long error', "throw new Error('x'.repeat(9999));", `could not be loaded. Error: ${'x'.repeat(200)}`],
    ['an object', 'throw Object.create(null);', 'could not be loaded. a thrown object'],
  ])('refuses %s', async (_what, source, says) => {
    project.dataSource('data-source.js');
    const message = await fault('-d', project.write('a.js', source));
    expect(message).toContain(`${project.path('a.js')} `);
    expect(message).toContain(says);
    expect(message).not.toContain('hunter2');
    expect(message.length).toBeLessThan(600);
  });

  it('says which file is missing', async () => {
    expect(await fault('-d', 'gone.js')).toBe(
      'There is no file gone.js. Give its path from the working directory.',
    );
  });

  it('says that a folder is no file', async () => {
    mkdirSync(project.path('src'));
    expect(await fault('-d', project.path('src'))).toBe(
      `${project.path('src')} is a folder. Give the path of a file in it.`,
    );
  });

  it.each([
    ['from the working directory', () => project.folder, () => 'src/data-source.js'],
    ['with ./', () => project.folder, () => './src/data-source.js'],
    ['from elsewhere', () => cwd, () => relative(cwd, project.path('src/data-source.js'))],
    ['absolute, from elsewhere', () => cwd, () => project.path('src/data-source.js')],
    ['through a link', () => cwd, () => project.path('link.js')],
    ['through a linked folder', () => cwd, () => project.path('linked/data-source.js')],
  ])('finds a path %s', async (_what, folder, name) => {
    project.dataSource('src/data-source.js');
    symlinkSync(project.path('src/data-source.js'), project.path('link.js'));
    symlinkSync(project.path('src'), project.path('linked'), 'junction');
    process.chdir(folder());
    expect(await connections('-d', name())).toEqual(['default']);
  });

  it('names connections', async () => {
    for (const name of ['orders.js', 'users.js', 'a/same.js', 'b/same.js', 'a=b.js'])
      project.dataSource(name);
    process.chdir(project.folder);
    expect(await connections('-d', 'orders.js')).toEqual(['default']);
    expect(await connections('-d', 'orders.js', '-d', 'users.js')).toEqual(['orders', 'users']);
    expect(await connections('-d', 'shop=orders.js', '-d', 'users.js')).toEqual(['shop', 'default']);
    expect(await connections('-d', 'x=a/same.js', '-d', 'y=b/same.js')).toEqual(['x', 'y']);
    expect(await connections('-d', './a=b.js')).toEqual(['default']);
    expect(await connections('-d', 'x=a=b.js')).toEqual(['x']);
    expect(await fault('-d', 'a/same.js', '-d', 'b/same.js')).toBe(
      'Two connections would be called "same". Name one: --data-source other=b/same.js',
    );
    expect(await fault('-d', '=orders.js')).toBe(
      '--data-source is "=orders.js". Give a file, or alias=file.',
    );
    expect(await fault('-d', 'x=')).toBe('--data-source is "x=". Give a file, or alias=file.');
  });

  it('takes one of the exports of a file, under its name', async () => {
    project.dataSource('data-source.js');
    project.write(
      'both.js',
      "const { AppDataSource } = require('./data-source.js'); const { DataSource } = require('typeorm');",
      'exports.ordersDataSource = AppDataSource; exports.default = new DataSource(AppDataSource.options);',
      'exports.helper = 1;',
    );
    project.dataSource('a#b.js');
    process.chdir(project.folder);
    expect(await connections('-d', 'both.js#ordersDataSource')).toEqual(['default']);
    expect(await connections('-d', 'both.js#ordersDataSource', '-d', 'both.js#default')).toEqual([
      'orders',
      'both',
    ]);
    expect(await connections('-d', 'shop=both.js#default', '-d', 'both.js#ordersDataSource')).toEqual([
      'shop',
      'default',
    ]);
    expect(await connections('-d', 'a#b.js')).toEqual(['default']);
    expect(await fault('-d', 'both.js#users')).toBe(
      'both.js exports no "users". It exports ordersDataSource, default, helper.',
    );
    expect(await fault('-d', 'both.js#helper')).toContain('both.js exports no TypeORM DataSource');
    expect(await fault('-d', 'both.js')).toContain('Name one: --data-source both.js#ordersDataSource');
  });

  it('names a migration file that never finishes loading', async () => {
    const file = project.dataSource('data-source.js', {
      defined: [],
      options: `migrations: ['${project.path('migrations/*.mjs')}']`,
    });
    project.write('migrations/1.mjs', 'export class First1700000000000 { async up() {} async down() {} }');
    const stuck = project.write('migrations/2.mjs', 'await new Promise(() => {});');
    const { AppDataSource } = createRequire(__filename)(file) as { AppDataSource: DataSource };
    const late = initialized(AppDataSource.initialize(), AppDataSource, 500);
    await expect(late).rejects.toThrow(`${stuck}: not loaded within 0.5 s.`);
    await AppDataSource.destroy();
  });

  it('loads migrations by globs, and says if they cannot be loaded', async () => {
    project.write(
      'migrations/1.js',
      'exports.First1700000000000 = class First1700000000000 { async up() {} async down() {} };',
    );
    const file = project.dataSource('data-source.js', {
      defined: [],
      options: `migrations: ['${project.path('migrations/*.js')}']`,
    });
    const { code, stdout } = await command(['check', '--json', '-d', file]);
    expect(parseReport(stdout).connections).toMatchObject([{ unapplied: ['First1700000000000'] }]);
    expect(code).toBe(1);
    project.write('migrations/2.js', 'const = 1;');
    const other = project.dataSource('other.js');
    const broken = await command(['check', '--json', '-d', file, '-d', other, '--wait', '600']);
    expect(parseReport(broken.stdout).connections).toMatchObject([
      { connection: 'data-source', status: 'unreadable', reason: 'invalid_migrations' },
      { connection: 'other', status: 'unapplied' },
    ]);
    expect(broken.code).toBe(2);
    expect(broken.stderr).toMatch(
      /^data-source: the files of its migrations could not be loaded\. SyntaxError: .*--import or --require\)\.\n$/,
    );
  });

  it('reads a SQLite database whose globs match nothing', async () => {
    const options = `migrations: ['${project.path('nowhere/*.js')}']`;
    const file = project.dataSource('data-source.js', { defined: [], options });
    const { code, stdout } = await command(['check', '-d', file]);
    expect(stdout).toContain('default defines no migrations');
    expect(code).toBe(0);
  });

  it('does not load the entities', async () => {
    project.write('entities/1.js', "throw new Error('loaded');");
    const file = project.dataSource('data-source.js', {
      applied: MIGRATIONS,
      options: `entities: ['${project.path('entities/*.js')}']`,
    });
    expect(await command(['check', '-d', file])).toMatchObject({ code: 0 });
  });

  it('preloads what --require and --import name', async () => {
    project.dataSource('data-source.js');
    project.write('first.js', "globalThis.preloaded = ['required'];");
    project.write('second.mjs', "globalThis.preloaded.push('imported');");
    process.chdir(project.folder);
    await command(['check', '-r', './first.js', '--import', './second.mjs', '-d', 'data-source.js']);
    expect((globalThis as { preloaded?: unknown }).preloaded).toEqual(['required', 'imported']);
    expect(await fault('-r', './gone.js', '-d', 'data-source.js')).toMatch(
      /^--require .\/gone.js could not be loaded. Error: Cannot find module/,
    );
    expect(await fault('--import', './gone.mjs', '-d', 'data-source.js')).toMatch(
      /^--import .\/gone.mjs could not be loaded. /,
    );
  });
});
