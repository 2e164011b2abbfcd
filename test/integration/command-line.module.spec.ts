import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PrometheusMigrationsModule } from '../../lib';
import { command, connections, fault } from '../support/command';
import { freePort } from '../support/free-port';
import { MIGRATIONS, Project } from '../support/project';
import { parseReport } from '../support/report-schema';

let project: Project;

beforeEach(() => {
  project = new Project();
});
afterEach(() => project.remove());

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
