import { Injectable, Module, type ModuleMetadata, type Type } from '@nestjs/common';
import { DiscoveryService, LazyModuleLoader } from '@nestjs/core';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  MigrationsExporter,
  type PrometheusMigrationsModuleOptions,
  PrometheusMigrationsModule,
} from '../../lib';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { closeDataSources, openDataSource } from '../support/data-sources';
import { samples } from '../support/exposition';
import { defineMigrations } from '../support/migrations';
import { loadSecondTypeorm } from '../support/second-typeorm';

const SQLITE = { type: 'better-sqlite3', database: ':memory:' } as const;

afterEach(async () => {
  await closeApplications();
  await closeDataSources();
});

/** The connections that an application exports, with the number of migrations that each defines. */
function connectionsIn(text: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [series, value] of samples(text)) {
    const connection = /^typeorm_migrations_unapplied_total{connection="(.+)"}$/.exec(series)?.[1];
    if (connection !== undefined) found[connection] = value;
  }
  return found;
}

async function start(
  imports: NonNullable<ModuleMetadata['imports']>,
  options: PrometheusMigrationsModuleOptions = {},
  providers: NonNullable<ModuleMetadata['providers']> = [],
) {
  const registry = new Registry();
  const application = await startApplication({
    imports: [...imports, PrometheusMigrationsModule.forRoot({ registry, maxAge: 0, ...options })],
    providers,
  });
  return { ...application, connections: async () => connectionsIn(await application.get()) };
}

const migrations = (count: number) => ({ migrations: defineMigrations(count) });

describe('discovery', () => {
  it('finds default and named connections, of forRoot and of forRootAsync', async () => {
    const { connections } = await start([
      TypeOrmModule.forRoot({ ...SQLITE, ...migrations(1) }),
      TypeOrmModule.forRoot({ ...SQLITE, ...migrations(2), name: 'analytics' }),
      TypeOrmModule.forRootAsync({ name: 'user_data', useFactory: () => ({ ...SQLITE, ...migrations(3) }) }),
    ]);
    expect(await connections()).toEqual({ default: 1, analytics: 2, user_data: 3 });
  });

  it('finds custom providers under a string, a symbol and a class', async () => {
    class ReportingDataSource extends DataSource {}
    const provide = (token: string | symbol | Type, count: number) => ({
      provide: token,
      useFactory: async () => (await openDataSource({ ...SQLITE, ...migrations(count) })).dataSource,
    });
    const { connections } = await start([], {}, [
      { provide: 'ALIAS', useExisting: 'DATA_SOURCE' },
      provide('DATA_SOURCE', 1),
      provide(Symbol('audit'), 2),
      provide(ReportingDataSource, 3),
    ]);
    expect(await connections()).toEqual({ DATA_SOURCE: 1, audit: 2, Reporting: 3 });
  });

  it('counts an instance under two tokens once, under the one that @nestjs/typeorm gave it', async () => {
    const { connections, logger } = await start(
      [TypeOrmModule.forRoot({ ...SQLITE, ...migrations(1) })],
      {},
      [{ provide: 'DB', inject: [DataSource], useFactory: (dataSource: DataSource) => dataSource }],
    );
    expect(await connections()).toEqual({ default: 1 });
    expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
  });

  it('tells two that claim the same alias apart, and warns once', async () => {
    const { connections, logger } = await start([
      TypeOrmModule.forRoot({ ...SQLITE, ...migrations(1) }),
      TypeOrmModule.forRoot({ ...SQLITE, ...migrations(2) }),
    ]);
    expect(await connections()).toEqual({ default: 1, 'default#2': 2 });
    await connections();
    expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([
      'warn More than one DataSource is called "default": the later ones are exported as "default#2" and so on. ' +
        'Give each a name of its own, as in TypeOrmModule.forRoot({ name }).',
    ]);
  });

  it('finds those of a lazily loaded module at the next scrape', async () => {
    @Module({ imports: [TypeOrmModule.forRoot({ ...SQLITE, ...migrations(2), name: 'lazy' })] })
    class LazyModule {}
    const { app, connections, logger } = await start([
      TypeOrmModule.forRoot({ ...SQLITE, ...migrations(1) }),
    ]);
    expect(await connections()).toEqual({ default: 1 });
    await app.get(LazyModuleLoader).load(() => LazyModule);
    expect(await connections()).toEqual({ default: 1, lazy: 2 });
    expect(logger.lines).toContain('log lazy: migrations: 0 applied, 2 unapplied');
  });

  it('finds one that is initialized by hand, which reads -1 until then', async () => {
    const { app, connections, logger } = await start([
      TypeOrmModule.forRoot({ ...SQLITE, ...migrations(2), manualInitialization: true }),
    ]);
    expect(await connections()).toEqual({ default: -1 });
    expect(logger.lines).toEqual([
      'warn default: migrations could not be read (uninitialized). Metrics report -1 until the database is readable again.',
    ]);
    await app.get(DataSource).initialize();
    expect(await connections()).toEqual({ default: 2 });
  });

  it('finds one of a second copy of typeorm', async () => {
    const { DataSource: OtherDataSource } = loadSecondTypeorm();
    const dataSource = new OtherDataSource({ ...SQLITE, ...migrations(2) });
    expect(dataSource).not.toBeInstanceOf(DataSource);
    const { connections } = await start([TypeOrmModule.forRoot({ ...SQLITE, ...migrations(1) })], {}, [
      { provide: 'legacyDataSource', useFactory: () => dataSource.initialize() },
    ]);
    expect(await connections()).toEqual({ default: 1, legacy: 2 });
    await dataSource.destroy();
  });

  it.each(['DataSource2', 'uL'])(
    'calls the default one so in a bundle that calls its class %s',
    async (name) => {
      // A copy of its own: the class stays renamed.
      const { DataSource: Bundled } = loadSecondTypeorm();
      Object.defineProperty(Bundled, 'name', { value: name });
      const dataSource = new Bundled({ ...SQLITE, ...migrations(2) });
      const { connections } = await start([], {}, [
        { provide: Bundled, useFactory: () => dataSource.initialize() },
        { provide: 'DB', inject: [Bundled], useFactory: (same: unknown) => same },
      ]);
      expect(await connections()).toEqual({ default: 2 });
      await dataSource.destroy();
    },
  );

  it('shows one that was found and is exported by hand once, by the name that it was given', async () => {
    const { app, connections, logger } = await start([
      TypeOrmModule.forRoot({ ...SQLITE, ...migrations(1) }),
      TypeOrmModule.forRoot({ ...SQLITE, ...migrations(2), name: 'reporting' }),
      TypeOrmModule.forRoot({ ...SQLITE, ...migrations(3), name: 'audit' }),
    ]);
    const exporter = app.get(MigrationsExporter);
    const reporting = app.get<DataSource>(getDataSourceToken('reporting'));
    await exporter.exportMigrationsForDatabase('reporting', reporting);
    expect(await connections()).toEqual({ default: 1, reporting: 2, audit: 3 });
    await exporter.exportMigrationsForDatabase('reports', app.get<DataSource>(getDataSourceToken('audit')));
    await exporter.exportMigrations();
    expect(await connections()).toEqual({ default: 1, reporting: 2, reports: 3 });
    // Forgotten, it is not found again either under the name that it was given.
    exporter.forgetDatabase('reporting');
    expect(await connections()).toEqual({ default: 1, reports: 3 });
    expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
  });

  it('takes those of the option dataSources first, and leaves out those of exclude', async () => {
    const own = (await openDataSource({ ...SQLITE, ...migrations(3) })).dataSource;
    const { connections } = await start(
      [
        TypeOrmModule.forRoot({ ...SQLITE, ...migrations(1) }),
        TypeOrmModule.forRoot({ ...SQLITE, ...migrations(2), name: 'cache' }),
      ],
      { dataSources: { default: own }, exclude: ['cache'] },
    );
    expect(await connections()).toEqual({ default: 3, 'default#2': 1 });
  });

  it('goes on with those it knows where the providers cannot be searched', async () => {
    const { app, connections, logger } = await start([sqliteModule(defineMigrations(1))]);
    vi.spyOn(app.get(DiscoveryService), 'getProviders').mockImplementation(() => {
      throw new RangeError('somebody else');
    });
    expect(await connections()).toEqual({ default: 1 });
    await connections();
    expect(logger.lines.slice(1)).toEqual([
      expect.stringMatching(/^warn .*could not be searched.*RangeError/),
    ]);
  });

  it('survives providers whose properties throw', async () => {
    @Injectable()
    class Hostile {}
    const hostile = new Proxy(new Hostile(), {
      get(_target, property) {
        if (property === '@instanceof') throw new Error('not before init');
        return undefined;
      },
    });
    const { connections } = await start([sqliteModule(defineMigrations(1))], {}, [
      { provide: Hostile, useValue: hostile },
    ]);
    expect(await connections()).toEqual({ default: 1 });
  });

  it('exports nothing where there is no DataSource, and says so once', async () => {
    const { get, logger } = await start([]);
    expect([...samples(await get())]).toEqual([]);
    expect(logger.lines).toEqual([
      'warn There is no TypeORM DataSource to export. Import TypeOrmModule.forRoot(), or pass DataSources as the option dataSources.',
    ]);
  });
});
