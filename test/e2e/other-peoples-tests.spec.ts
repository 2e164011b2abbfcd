import { Controller, type INestApplication, Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  MetricsController,
  MigrationsExporter,
  PrometheusMigrationsModule,
  type PrometheusMigrationsModuleOptions,
} from '../../lib';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { RecordingLogger } from '../support/logs';
import { readingsOf } from '../support/exposition';
import { freePort } from '../support/free-port';
import { defineMigrations } from '../support/migrations';
import { PLATFORM_NAMES, PLATFORMS } from '../support/platforms';

let registry: Registry;
const running: INestApplication[] = [];

beforeEach(() => {
  registry = new Registry();
});
afterEach(async () => {
  for (const app of running.splice(0)) await app.close();
  await closeApplications();
  vi.unstubAllEnvs();
});

const forRoot = () => PrometheusMigrationsModule.forRoot({ registry });
const forRootAsync = () =>
  PrometheusMigrationsModule.forRootAsync({ useFactory: async () => ({ registry }) });

describe.each(PLATFORM_NAMES)('overrideProvider(MigrationsExporter) on %s', (platform) => {
  async function start(
    module: ReturnType<typeof forRoot>,
    override: (builder: TestingModuleBuilder) => TestingModuleBuilder,
    metadata: ModuleMetadata = {},
  ) {
    const builder = Test.createTestingModule({
      ...metadata,
      imports: [sqliteModule(defineMigrations(2)), module],
    }).setLogger(new RecordingLogger());
    const app = PLATFORMS[platform](await override(builder).compile());
    running.push(app);
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    return { app, fetch: (path: string) => fetch(url + path) };
  }

  const mock = () => ({
    exportMigrations: vi.fn(async () => []),
    exportMigrationsForDatabase: vi.fn(),
    forgetDatabase: vi.fn(),
  });

  it('leaves what the module itself does as it is: the database is read, unless the export is switched off', async () => {
    const override = (builder: TestingModuleBuilder) =>
      builder.overrideProvider(MigrationsExporter).useValue(mock());
    const { fetch } = await start(forRoot(), override);
    expect(await (await fetch('/metrics')).text()).toContain('typeorm_migrations_unapplied_total');

    vi.stubEnv('PROMETHEUS_EXPORT_MIGRATIONS', 'false');
    registry = new Registry();
    const off = await start(forRoot(), override);
    const response = await off.fetch('/metrics');
    expect(response.status).toBe(200);
    expect(await response.text()).not.toContain('typeorm_migrations');
  });

  it.each([
    ['forRoot', forRoot],
    ['forRootAsync', forRootAsync],
  ])('starts with its public API (%s)', async (_way, module) => {
    const value = mock();
    const { app, fetch } = await start(module(), (builder) =>
      builder.overrideProvider(MigrationsExporter).useValue(value),
    );
    expect(app.get(MigrationsExporter)).toBe(value);
    expect([(await fetch('/')).status, (await fetch('/metrics')).status]).toEqual([404, 200]);
    // The module's own parts are not the application's to replace: it reads and serves all the same.
    expect(readingsOf(await registry.metrics(), 'default')).toMatchObject({ unapplied_total: 2 });
    expect(value.exportMigrations).not.toHaveBeenCalled();
  });

  it.each([
    ['an empty object', {}],
    ['undefined', undefined],
    ['null', null],
  ])('starts with %s', async (_what, value) => {
    const { fetch } = await start(forRoot(), (builder) =>
      builder.overrideProvider(MigrationsExporter).useValue(value),
    );
    expect([(await fetch('/')).status, (await fetch('/metrics')).status]).toEqual([404, 200]);
  });

  it('starts with a class and a factory', async () => {
    @Injectable()
    class FakeExporter {}
    for (const override of [
      (builder: TestingModuleBuilder) => builder.overrideProvider(MigrationsExporter).useClass(FakeExporter),
      (builder: TestingModuleBuilder) =>
        builder.overrideProvider(MigrationsExporter).useFactory({ factory: mock }),
    ]) {
      const { fetch } = await start(forRoot(), override);
      expect([(await fetch('/')).status, (await fetch('/metrics')).status]).toEqual([404, 200]);
    }
  });

  it('a subclass of the controller serves the registry of the value', async () => {
    @Controller('internal/metrics')
    class InternalController extends MetricsController {}
    const other = new Registry();
    const { fetch } = await start(
      forRoot(),
      (builder) => builder.overrideProvider(MigrationsExporter).useValue({ ...mock(), registry: other }),
      { controllers: [InternalController] },
    );
    expect(await (await fetch('/internal/metrics')).text()).toBe('\n');
    expect(readingsOf(await (await fetch('/metrics')).text(), 'default')).toMatchObject({ defined: 2 });
  });
});

describe('the public API', () => {
  it('can be written by hand: no member is hidden from who mocks it', () => {
    const exporter: Pick<
      MigrationsExporter,
      'registry' | 'exportMigrations' | 'exportMigrationsForDatabase' | 'forgetDatabase' | 'close'
    > = {
      registry,
      exportMigrations: async () => [],
      exportMigrationsForDatabase: async (connection: string, _dataSource: DataSource) => ({
        connection,
        status: 'failed',
        reason: 'other',
        durationSeconds: 0,
      }),
      forgetDatabase: () => {},
      close: () => {},
    };
    expect(new MetricsController(exporter, {} as never).exporter).toBe(exporter);
  });
});

describe('one exporter for the whole application', () => {
  @Injectable()
  class FeatureService {
    constructor(readonly exporter: MigrationsExporter) {}
  }
  @Module({ providers: [FeatureService], exports: [FeatureService] })
  class FeatureModule {}
  @Injectable()
  class OtherService extends FeatureService {}

  const other = () =>
    PrometheusMigrationsModule.forRoot({ registry: new Registry(), path: '/b', prefix: 'django' });
  @Module({ imports: [FeatureModule], providers: [OtherService] })
  class LateModule {}

  it.each([
    ['first', () => [forRoot(), other(), LateModule]],
    ['last', () => [LateModule, forRoot(), other()]],
    ['between', () => [forRootAsync(), LateModule, other()]],
  ])('is injected and got alike, with two modules and the feature %s', async (_where, imports) => {
    const { app } = await startApplication({
      imports: [sqliteModule(defineMigrations(1)), ...imports()],
      providers: [{ provide: 'ROOT', inject: [MigrationsExporter], useFactory: (value: unknown) => value }],
    });
    const exporter = app.get(MigrationsExporter);
    const all = [
      app.get(FeatureService).exporter,
      app.get(OtherService).exporter,
      app.get(MigrationsExporter, { strict: false }),
      app.get('ROOT'),
      await app.resolve(MigrationsExporter),
    ];
    for (const each of all) expect(each).toBe(exporter);
    expect(exporter).toBeInstanceOf(MigrationsExporter);
  });

  it('is that of its own application, with two of them alive', async () => {
    const start = () => startApplication({ imports: [sqliteModule(defineMigrations(1)), forRoot()] });
    const [first, second] = [await start(), await start()];
    expect(first.app.get(MigrationsExporter)).not.toBe(second.app.get(MigrationsExporter));
  });
});

describe('the environment', () => {
  it.each([
    [{ PROMETHEUS_METRICS_EXPORT_PORT: 'http' }, { port: 0 }],
    [{ PROMETHEUS_METRICS_EXPORT_PORT_RANGE: 'all' }, { port: 0 }],
    [{ PROMETHEUS_METRICS_EXPORT_PORT: '99999' }, { portRange: [20_000, 20_010] as const }],
    [{ PROMETHEUS_METRIC_NAMESPACE: 'my-app' }, { namespace: 'my_app' }],
    [{ PROMETHEUS_EXPORT_MIGRATIONS: 'perhaps' }, { exportMigrations: true }],
  ])('%j is not parsed where %j wins', (environment, options) => {
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    expect(() => PrometheusMigrationsModule.forRoot(options)).not.toThrow();
    expect(() => PrometheusMigrationsModule.forRoot({})).toThrow(Object.keys(environment)[0]);
  });

  describe.each(PLATFORM_NAMES)('PROMETHEUS_METRICS_EXPORT_PORT with two modules on %s', (platform) => {
    async function startWith(other: PrometheusMigrationsModuleOptions) {
      const port = await freePort();
      vi.stubEnv('PROMETHEUS_METRICS_EXPORT_PORT', String(port));
      const modules = [forRoot(), PrometheusMigrationsModule.forRoot(other)];
      const { logger } = await startApplication(
        { imports: [sqliteModule(defineMigrations(1)), ...modules] },
        undefined,
        PLATFORMS[platform],
      );
      return { port, logger };
    }

    it('starts, and one of them has the port', async () => {
      const { port, logger } = await startWith({ registry, prefix: 'django', path: false });
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      expect(readingsOf(text, 'default')).toMatchObject({ unapplied_total: 1 });
      expect(readingsOf(text, 'default', 'django')).toMatchObject({ unapplied_total: 1 });
      expect(logger.lines.filter((line) => !line.startsWith('log'))).toEqual([]);
    });

    it('says so if the other serves another registry', async () => {
      const { port, logger } = await startWith({ registry: new Registry(), path: '/b' });
      expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(200);
      expect(logger.lines.filter((line) => !line.startsWith('log'))).toEqual([
        `warn Port ${port} on 127.0.0.1 is in use by another PrometheusMigrationsModule of this process. ` +
          'The metrics have no port of their own: set port to another, or use portRange.',
      ]);
    });
  });
});
