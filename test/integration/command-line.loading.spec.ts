import { once } from 'node:events';
import { mkdirSync, symlinkSync } from 'node:fs';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PrometheusMigrationsModule } from '../../lib';
import type { DataSource } from 'typeorm';
import { CommandError } from '../../lib/cli/command-error';
import { initialized } from '../../lib/cli/still-loading';
import { command } from '../support/command';
import { freePort } from '../support/free-port';
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

/** The aliases of a report, in its order. */
async function connections(...args: string[]): Promise<string[]> {
  const { stdout } = await command(['check', '--json', ...args]);
  return parseReport(stdout).connections.map(({ connection }) => connection);
}

/** What a command line that cannot work says. */
async function fault(...args: string[]): Promise<string> {
  try {
    await command(['check', ...args]);
  } catch (error) {
    if (error instanceof CommandError) return error.message;
    throw error;
  }
  throw new Error('It worked.');
}

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

describe('a TypeScript file', () => {
  /** Stands for a package that loads TypeScript: it takes the file for JavaScript, and says who it is. */
  const FILES: Readonly<Record<string, string>> = {
    '@swc-node/register': 'index.js',
    'ts-node': 'register/transpile-only.js',
    tsx: 'cjs.js',
  };
  const names = Object.keys(FILES);
  const loaded: string[] = [];
  const extensions = createRequire(__filename).extensions as Record<string, unknown>;
  const { '.ts': original } = extensions;

  function write(...installed: string[]): string {
    Object.assign(globalThis, { loaded });
    loaded.length = 0;
    for (const name of installed) {
      const folder = `app/node_modules/${name}`;
      const entry = { '.': './index.js', [`./${FILES[name]?.replace('.js', '')}`]: `./${FILES[name]}` };
      project.write(`${folder}/package.json`, JSON.stringify({ name, version: '1.0.0', exports: entry }));
      project.write(`${folder}/index.js`);
      project.write(
        `${folder}/${FILES[name]}`,
        `globalThis.loaded.push('${name}');`,
        "require.extensions['.ts'] = (module, file) => module._compile(require('node:fs').readFileSync(file, 'utf8'), file);",
      );
    }
    return project.dataSource('app/data-source.ts');
  }
  const { execArgv } = process;
  beforeEach(() => {
    // Vitest's own --require would stand for a loader.
    process.execArgv = [];
  });
  afterEach(() => {
    process.execArgv = execArgv;
    extensions['.ts'] = original;
    if (original === undefined) delete extensions['.ts'];
    delete process.env['TS_NODE_PROJECT'];
  });

  it.each(names)('is loaded by %s if it is all that is installed', async (name) => {
    expect(await command(['check', '-d', write(name)])).toMatchObject({ code: 1 });
    expect(loaded).toEqual([name]);
  });

  it('is loaded by the first of several, and by its own tsconfig.json', async () => {
    const file = write(...names);
    const configuration = project.write('app/tsconfig.json', '{}');
    expect(await command(['check', '-d', file])).toMatchObject({ code: 1 });
    expect(loaded).toEqual([names[0]]);
    expect(process.env['TS_NODE_PROJECT']).toBe(configuration);
  });

  it('is left to the loader that --require names', async () => {
    const file = write(...names);
    const own = project.path(`app/node_modules/tsx/${FILES['tsx']}`);
    expect(await command(['check', '-d', file, '-r', own])).toMatchObject({ code: 1 });
    expect(loaded).toEqual(['tsx']);
  });

  it('is loaded by what is installed, whatever else is loaded first', async () => {
    process.execArgv = ['--require', 'dd-trace/init'];
    const file = write('ts-node');
    expect(await command(['check', '-d', file, '-r', 'reflect-metadata'])).toMatchObject({ code: 1 });
    expect(loaded).toEqual(['ts-node']);
  });

  it('is left to a loader of another name', async () => {
    const file = write();
    extensions['.ts'] = (module: { _compile(code: string, file: string): void }, name: string) =>
      module._compile(readFileSync(name, 'utf8'), name);
    expect(await command(['check', '-d', file, '-r', 'reflect-metadata'])).toMatchObject({ code: 1 });
  });

  it('cannot be loaded without', async () => {
    const file = write();
    expect(await fault('-d', file)).toBe(
      `${file} is TypeScript, and no loader for it is installed. Install @swc-node/register ` +
        '(npm install --save-dev @swc-node/register @swc/core), or pass another with --import or --require.',
    );
  });
});

describe('--module', () => {
  const NEST = [
    "require('reflect-metadata');",
    "const { Module, Injectable } = require('@nestjs/common');",
    "const { TypeOrmModule, getDataSourceToken, getRepositoryToken } = require('@nestjs/typeorm');",
    "const { EntitySchema } = require('typeorm');",
    "const { dataSource } = require('./data-source.js');",
    'const typeorm = (more) => TypeOrmModule.forRoot({ ...dataSource.options, ...more });',
    'const decorate = (metadata, type = class AppModule {}) => (Module(metadata)(type), type);',
  ];

  function module(...lines: string[]): string {
    project.dataSource('data-source.js', {
      exported: 'exports.dataSource = dataSource;',
      applied: MIGRATIONS.slice(0, 1),
      options: 'migrationsRun: true, synchronize: true',
    });
    return project.write('app.module.js', ...NEST, ...lines);
  }

  it.each([
    ['by a name', 'exports.AppModule = decorate({ imports: [typeorm()] });'],
    ['default', 'exports.default = decorate({ imports: [typeorm()] });'],
    ['itself', 'module.exports = decorate({ imports: [typeorm()] });'],
    [
      'default among others',
      'exports.Other = decorate({ imports: [] }, class Other {}); exports.default = decorate({ imports: [typeorm()] });',
    ],
    ['dynamic', 'exports.default = { module: class AppModule {}, imports: [typeorm()] };'],
    [
      'a promise of a dynamic one',
      'exports.default = Promise.resolve({ module: class AppModule {}, imports: [typeorm()] });',
    ],
    [
      'forRootAsync',
      'exports.AppModule = decorate({ imports: [TypeOrmModule.forRootAsync({ useFactory: async () => dataSource.options })] });',
    ],
    [
      'with repositories',
      "const user = new EntitySchema({ name: 'user', columns: { id: { type: Number, primary: true } } }); class Users { constructor(users) { if (!users) throw new Error('none'); } } Injectable()(Users); Reflect.defineMetadata('self:paramtypes', [{ index: 0, param: getRepositoryToken(user) }], Users); Reflect.defineMetadata('design:paramtypes', [Object], Users); exports.AppModule = decorate({ imports: [typeorm({ entities: [user] }), TypeOrmModule.forFeature([user])], providers: [Users] });",
    ],
  ])('takes a module %s', async (_what, source) => {
    const { code, stdout } = await command(['check', '--json', '-m', module(source)]);
    expect(parseReport(stdout).connections).toMatchObject([
      { connection: 'default', applied: 1, unapplied: [MIGRATIONS[1]] },
    ]);
    expect(code).toBe(1);
    // Nothing ran them meanwhile.
    expect((await command(['check', '-m', project.path('app.module.js')])).code).toBe(1);
  });

  it('reads every DataSource of it, and those of --data-source', async () => {
    const file = module(
      "exports.AppModule = decorate({ imports: [typeorm(), typeorm({ name: 'reports' })] });",
    );
    const extra = project.dataSource('extra.js');
    expect(await connections('-m', file)).toEqual(['default', 'reports']);
    expect(await connections('-m', file, '-d', `extra=${extra}`)).toEqual(['extra', 'default', 'reports']);
  });

  /** Another module beside the same DataSource. */
  const again = (...lines: string[]) => project.write(`module-${(files += 1)}.js`, ...NEST, ...lines);
  let files = 0;

  it('reads what the application would export, under the same names', async () => {
    Object.assign(globalThis, { PrometheusMigrationsModule });
    module();
    const options =
      "{ dataSources: { reports: new (require('typeorm').DataSource)(dataSource.options), again: dataSource }, exclude: ['left'] }";
    const imports = `typeorm(), typeorm({ name: 'left' }), { module: class Own {}, providers: [{ provide: 'ownDataSource', useValue: dataSource }] }`;
    for (const own of [`forRoot(${options})`, `forRootAsync({ useFactory: async () => (${options}) })`]) {
      const file = again(
        `exports.AppModule = decorate({ imports: [${imports}, globalThis.PrometheusMigrationsModule.${own}] });`,
      );
      expect(await connections('-m', file)).toEqual(['reports', 'again', 'default']);
    }
    const file = again(
      "const own = (options) => globalThis.PrometheusMigrationsModule.forRoot(options); exports.AppModule = decorate({ imports: [typeorm(), own({ exclude: ['default'] })] });",
    );
    expect(await fault('-m', file)).toContain('leaves out every DataSource with the option exclude');
  });

  it('names a request-scoped DataSource, unless it is passed or left out', async () => {
    Object.assign(globalThis, { PrometheusMigrationsModule });
    const scoped = "providers: [{ provide: 'tenantDataSource', scope: 2, useFactory: () => dataSource }]";
    const file = module(`exports.AppModule = decorate({ imports: [typeorm()], ${scoped} });`);
    expect(await fault('-m', file)).toContain(
      ': tenant is request-scoped, and there is no instance of it to',
    );
    const extra = project.dataSource('extra.js');
    expect(await connections('-m', file, '-d', `tenant=${extra}`)).toEqual(['tenant', 'default']);
    const without = again(
      `exports.AppModule = decorate({ imports: [typeorm(), globalThis.PrometheusMigrationsModule.forRoot({ exclude: ['tenant'] })], ${scoped} });`,
    );
    expect(await connections('-m', without)).toEqual(['default']);
  });

  it('does not try an error of the constructor again', async () => {
    const file = module(
      'exports.AppModule = decorate({ imports: [TypeOrmModule.forRoot({ type: undefined, retryAttempts: 50, retryDelay: 15_000 })] });',
    );
    const began = performance.now();
    expect(await fault('-m', file)).toContain('could not be made. MissingDriverError: Wrong driver');
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  it('runs no lifecycle hook', async () => {
    const hooks = [
      'onModuleInit',
      'onApplicationBootstrap',
      'onModuleDestroy',
      'beforeApplicationShutdown',
      'onApplicationShutdown',
    ];
    const file = module(
      `class Hooked { ${hooks.map((hook) => `${hook}() { throw new Error('${hook}'); }`).join(' ')} }`,
      'exports.AppModule = decorate({ imports: [typeorm()], providers: [Hooked] });',
    );
    expect(await command(['check', '-m', file])).toMatchObject({ code: 1 });
  });

  it('takes a module that has this package: it opens no port and does not refuse', async () => {
    const port = await freePort();
    Object.assign(globalThis, { PrometheusMigrationsModule });
    const file = module(
      `exports.AppModule = decorate({ imports: [typeorm(), globalThis.PrometheusMigrationsModule.forRoot({ port: ${port}, onUnapplied: 'fail', waitFor: { timeout: 600000, interval: 1000 } })] });`,
    );
    expect(await command(['check', '-m', file])).toMatchObject({ code: 1 });
    const refused = once(connect(port, '127.0.0.1'), 'connect');
    await expect(refused).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('does not try again for half a minute if a database is down', async () => {
    const port = await freePort();
    const file = module(
      `exports.AppModule = decorate({ imports: [TypeOrmModule.forRoot({ type: 'postgres', host: '127.0.0.1', port: ${port}, username: 'root', password: 'hunter2' }), typeorm({ name: 'well' })] });`,
    );
    const { code, stdout, stderr } = await command(['check', '--json', '-m', file]);
    expect(parseReport(stdout).connections).toMatchObject([
      { connection: 'default', status: 'unreadable', reason: 'unreachable' },
      { connection: 'well', status: 'unapplied' },
    ]);
    expect(code).toBe(2);
    expect(stderr).toBe('');
  });

  it.each([
    [
      'no module',
      'exports.options = {};',
      'exports no Nest module. Export the module with your DataSources, as its default export.',
    ],
    [
      'a DataSource',
      "exports.it = new (require('typeorm').DataSource)(dataSource.options);",
      'It exports a DataSource: pass it with --data-source ',
    ],
    [
      'several modules',
      'exports.A = decorate({ imports: [] }, class A {}); exports.B = decorate({ imports: [] }, class B {});',
      'exports 2 Nest modules (A, B). ',
    ],
    [
      'a module without a DataSource',
      'exports.A = decorate({ providers: [] });',
      'has no TypeORM DataSource: there is nothing to read.',
    ],
    [
      'a provider that throws',
      "exports.A = decorate({ imports: [typeorm()], providers: [{ provide: 'x', useFactory: () => { throw new Error('password=hunter2 is refused'); } }] });",
      'The providers of',
    ],
    [
      'a provider that is missing',
      "exports.A = decorate({ imports: [typeorm()], providers: [{ provide: 'x', inject: ['missing'], useFactory: () => 1 }] });",
      "Nest can't resolve dependencies of the x (?).",
    ],
    [
      'a module that rejects',
      "exports.A = Promise.reject(new Error('password=hunter2 is refused'));",
      'exports a promise or a factory that failed. Error: password=…',
    ],
  ])('refuses %s', async (_what, source, says) => {
    const message = await fault('-m', module(source));
    expect(message).toContain(says);
    expect(message).toContain('app.module.js');
    expect(message).not.toContain('hunter2');
  });
});
