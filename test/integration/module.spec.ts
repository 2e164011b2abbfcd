import { type DynamicModule, Injectable, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { collectDefaultMetrics, Gauge, register, Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  InvalidOptionError,
  METRIC_NAMES,
  MigrationsExporter,
  type PrometheusMigrationsModuleOptions,
  PrometheusMigrationsModule,
  type PrometheusMigrationsOptionsFactory,
} from '../../lib';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { readingsOf, samples } from '../support/exposition';
import { defineMigrations } from '../support/migrations';

const migrations = defineMigrations(45);
const typeorm = () => sqliteModule(migrations, { applied: 42 });

afterEach(closeApplications);

describe('forRoot', () => {
  it("reads the original's worked example", async () => {
    const { get, logger } = await startApplication({
      imports: [typeorm(), PrometheusMigrationsModule.forRoot()],
    });
    const text = await get();
    expect(text).toContain('\ntypeorm_migrations_applied_total{connection="default"} 42\n');
    expect(text).toContain('\ntypeorm_migrations_unapplied_total{connection="default"} 3\n');
    expect(logger.lines).toEqual(['log default: migrations: 42 applied, 3 unapplied']);
  });

  it.each([
    [{ prefix: 'django' }, 'django'],
    [{ namespace: 'myapp', prefix: 'django' }, 'myapp_django'],
    [{ namespace: 'myapp' }, 'myapp_typeorm'],
  ])('names the metrics by %j', async (options, start) => {
    const { get } = await startApplication({
      imports: [typeorm(), PrometheusMigrationsModule.forRoot(options)],
    });
    const text = await get();
    expect(text).toContain(`\n${start}_migrations_applied_total{connection="default"} 42\n`);
    expect(text).toContain(`\n${start}_migrations_unapplied_total{connection="default"} 3\n`);
  });

  // Nest 10 would go through all of it to tell modules apart, and be busy for minutes with a DataSource.
  it('defines a module that holds no object as a value, and a number of its own', () => {
    const valuesOf = ({ providers = [] }: DynamicModule) =>
      providers.flatMap((provider) => ('useValue' in provider ? [provider.useValue as unknown] : []));
    const definitions = [1, 2].map(() =>
      valuesOf(PrometheusMigrationsModule.forRoot({ registry: register })),
    );
    expect(definitions.flat().map((value) => typeof value)).toEqual(['number', 'number']);
    expect(definitions[0]).not.toEqual(definitions[1]);
  });

  it('takes its metrics out of the registry on shutdown, so that the next can put its own in', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { app, get } = await startApplication({
        imports: [typeorm(), PrometheusMigrationsModule.forRoot({ defaultMetrics: true })],
      });
      expect(readingsOf(await get(), 'default')).toMatchObject({ applied_total: 42 });
      await app.close();
      expect(register.getMetricsAsArray()).toEqual([]);
    }
  });

  it('lets two modules with registries and paths of their own live in one application', async () => {
    const { get, fetch } = await startApplication({
      imports: [
        typeorm(),
        PrometheusMigrationsModule.forRoot({ registry: new Registry(), path: '/a' }),
        PrometheusMigrationsModule.forRootAsync({
          useFactory: async () => ({ registry: new Registry(), path: '/b', prefix: 'django' }),
        }),
      ],
    });
    expect([...samples(await get('/a')).keys()][0]).toMatch(/^typeorm_/);
    expect([...samples(await get('/b')).keys()][0]).toMatch(/^django_/);
    expect((await fetch('/metrics')).status).toBe(404);
  });

  it('lets two of different names live side by side on one registry', async () => {
    const { get, logger } = await startApplication({
      imports: [
        typeorm(),
        PrometheusMigrationsModule.forRoot(),
        PrometheusMigrationsModule.forRoot({ path: '/b', prefix: 'django' }),
      ],
    });
    const text = await get();
    expect(readingsOf(text, 'default')).toMatchObject({ applied_total: 42 });
    expect(readingsOf(text, 'default', 'django')).toMatchObject({ applied_total: 42 });
    expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
  });

  it('refuses a registry that holds one of the names, and leaves what is in there alone', async () => {
    const registry = new Registry();
    new Gauge({ name: METRIC_NAMES.defined, help: 'somebody else', registers: [registry] });
    const starting = startApplication({
      imports: [typeorm(), PrometheusMigrationsModule.forRoot({ registry })],
    });
    await expect(starting).rejects.toThrow('already holds a metric "typeorm_migrations_defined"');
    await closeApplications();
    expect(registry.getMetricsAsArray().map(({ name }) => name)).toEqual([METRIC_NAMES.defined]);
  });

  it('leaves default metrics to who collects them already', async () => {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    const before = registry.getMetricsAsArray();
    const { app, get } = await startApplication({
      imports: [typeorm(), PrometheusMigrationsModule.forRoot({ registry, defaultMetrics: true })],
    });
    expect(readingsOf(await get(), 'default')).toMatchObject({ applied_total: 42 });
    expect(samples(await get()).get('process_cpu_user_seconds_total')).toBeGreaterThan(0);
    await app.close();
    expect(registry.getMetricsAsArray()).toEqual(before);
  });

  it("collects default metrics with prom-client's configuration", async () => {
    const { get } = await startApplication({
      imports: [typeorm(), PrometheusMigrationsModule.forRoot({ defaultMetrics: { prefix: 'shop_' } })],
    });
    expect(await get()).toMatch(/^shop_process_cpu_user_seconds_total /m);
  });

  it('is not alive before it is started: a module that is only compiled holds no registry', async () => {
    const compile = () =>
      Test.createTestingModule({ imports: [typeorm(), PrometheusMigrationsModule.forRoot()] }).compile();
    const [first, second] = [await compile(), await compile()];
    await second.init();
    await second.close();
    await first.close();
  });
});

describe('an application that another module closes in onModuleInit', () => {
  it.each<PrometheusMigrationsModuleOptions>([
    {},
    { onUnapplied: 'fail', onUnreadable: 'fail', waitFor: { timeout: 600_000, interval: 200 } },
  ])('goes on with its start, as without the module (%j)', async (options) => {
    let close = () => Promise.resolve();
    const closing = { provide: 'CLOSING', useValue: { onModuleInit: () => close() } };
    const registry = new Registry();
    const { app, logger } = await startApplication(
      {
        imports: [typeorm(), PrometheusMigrationsModule.forRoot({ registry, ...options })],
        providers: [closing],
      },
      (created) => {
        close = () => created.close();
      },
    );
    expect(await app.getUrl()).toMatch(/^http:/);
    expect(registry.getMetricsAsArray()).toEqual([]);
    expect(logger.lines.filter((line) => !line.startsWith('log '))).toEqual([]);
    close = () => Promise.resolve();
  });
});

describe('the environment', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('is read when forRoot runs, or when the options of forRootAsync are resolved', async () => {
    vi.stubEnv('PROMETHEUS_METRIC_NAMESPACE', 'shop');
    const atOnce = PrometheusMigrationsModule.forRoot({ registry: new Registry(), path: '/at-once' });
    const later = PrometheusMigrationsModule.forRootAsync({
      useFactory: () => ({ registry: new Registry(), path: '/later' }),
    });
    vi.stubEnv('PROMETHEUS_METRIC_NAMESPACE', 'moved');
    const { get } = await startApplication({ imports: [typeorm(), atOnce, later] });
    expect(await get('/at-once')).toContain('shop_typeorm_migrations_applied_total{connection="default"} 42');
    expect(await get('/later')).toContain('moved_typeorm_migrations_applied_total{connection="default"} 42');
  });
});

describe('PROMETHEUS_MIGRATIONS_EXCLUDE', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('leaves out a connection', async () => {
    vi.stubEnv('PROMETHEUS_MIGRATIONS_EXCLUDE', 'default');
    const { get } = await startApplication({ imports: [typeorm(), PrometheusMigrationsModule.forRoot()] });
    expect(await get()).not.toContain('connection="default"');
  });
});

describe('the injected MigrationsExporter', () => {
  it('exports and forgets the connections of the container', async () => {
    const { app, get } = await startApplication({
      imports: [typeorm(), PrometheusMigrationsModule.forRoot({ maxAge: 0 })],
    });
    const exporter = app.get(MigrationsExporter);
    exporter.forgetDatabase('default');
    expect([...samples(await get())]).toEqual([]);
    await exporter.exportMigrationsForDatabase('default', app.get(DataSource));
    expect(readingsOf(await get(), 'default')).toMatchObject({ applied_total: 42 });
    expect(await exporter.exportMigrations()).toMatchObject([{ connection: 'default', status: 'read' }]);
  });
});

describe('without an HTTP adapter', () => {
  it('reads and exports all the same', async () => {
    const registry = new Registry();
    @Module({ imports: [typeorm(), PrometheusMigrationsModule.forRoot({ registry })] })
    class WorkerModule {}
    const context = await NestFactory.createApplicationContext(WorkerModule, { logger: false });
    expect(readingsOf(await registry.metrics(), 'default')).toMatchObject({ applied_total: 42 });
    await context.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });
});

describe('forRootAsync', () => {
  @Injectable()
  class Configuration implements PrometheusMigrationsOptionsFactory {
    createPrometheusMigrationsOptions(): PrometheusMigrationsModuleOptions {
      return { prefix: 'django' };
    }
  }
  @Module({ providers: [Configuration], exports: [Configuration] })
  class ConfigurationModule {}

  it.each([
    ['useClass', PrometheusMigrationsModule.forRootAsync({ useClass: Configuration })],
    [
      'useExisting',
      PrometheusMigrationsModule.forRootAsync({ imports: [ConfigurationModule], useExisting: Configuration }),
    ],
    [
      'useFactory',
      PrometheusMigrationsModule.forRootAsync({
        imports: [ConfigurationModule],
        inject: [Configuration],
        useFactory: (configuration: Configuration) => configuration.createPrometheusMigrationsOptions(),
      }),
    ],
  ])('takes its options from %s', async (_way, module) => {
    const { get } = await startApplication({ imports: [typeorm(), module] });
    expect(await get()).toContain('django_migrations_applied_total{connection="default"} 42');
  });

  it('routes by its result', async () => {
    const { fetch } = await startApplication({
      imports: [
        typeorm(),
        PrometheusMigrationsModule.forRootAsync({ useFactory: async () => ({ path: '/internal/metrics' }) }),
        PrometheusMigrationsModule.forRootAsync({
          useFactory: async () => ({ path: false as const, registry: new Registry() }),
        }),
      ],
    });
    expect((await fetch('/internal/metrics')).status).toBe(200);
    expect((await fetch('/metrics')).status).toBe(404);
    expect((await fetch('/')).status).toBe(404);
  });

  it.each([
    ['null', () => null],
    ['a promise of null', async () => null],
    ['a string', () => 'metrics'],
    ['a list', () => []],
  ])('fails at start-up where the factory returns %s', async (_what, useFactory) => {
    const starting = startApplication({
      imports: [typeorm(), PrometheusMigrationsModule.forRootAsync({ useFactory: useFactory as never })],
    });
    await expect(starting).rejects.toThrow(InvalidOptionError);
    await expect(starting).rejects.toThrow(/: the options is .*a factory has to return one/);
  });

  it.each([
    ['undefined', () => undefined],
    ['a promise of undefined', async () => undefined],
  ])('takes the defaults where the factory returns %s', async (_what, useFactory) => {
    const { get } = await startApplication({
      imports: [typeorm(), PrometheusMigrationsModule.forRootAsync({ useFactory: useFactory as never })],
    });
    expect(readingsOf(await get(), 'default')).toMatchObject({ applied_total: 42 });
  });

  it('fails at start-up for a bad value', async () => {
    await expect(
      startApplication({
        imports: [PrometheusMigrationsModule.forRootAsync({ useFactory: () => ({ path: 'metrics' }) })],
      }),
    ).rejects.toThrow('path is "metrics". Begin it with a slash, as in \'/metrics\'');
  });
});

describe('exportMigrations', () => {
  const start = (exportMigrations: PrometheusMigrationsModuleOptions['exportMigrations']) =>
    startApplication({ imports: [typeorm(), PrometheusMigrationsModule.forRoot({ exportMigrations })] });

  it.each([[false], [() => false], [async () => false]])(
    '%s: the endpoint is there, no series is',
    async (value) => {
      const { get, fetch, logger } = await start(value);
      expect((await fetch()).status).toBe(200);
      expect(await get()).not.toContain('migrations');
      expect(logger.lines).toEqual([]);
    },
  );

  it.each([[true], [() => true], [async () => true]])('%s: exported', async (value) => {
    const { get } = await start(value);
    expect(readingsOf(await get(), 'default')).toMatchObject({ applied_total: 42 });
  });

  it('a function that does not answer in time is a warning, and counts as false', async () => {
    const { get, logger } = await startApplication({
      imports: [
        typeorm(),
        PrometheusMigrationsModule.forRoot({ exportMigrations: () => new Promise(() => {}), timeout: 50 }),
      ],
    });
    expect(await get()).not.toContain('migrations');
    expect(logger.lines).toEqual([expect.stringMatching(/^warn .*function failed \(TimeoutError\)/)]);
  });

  it.each([['true'], ['false'], [0], [1], [undefined], [null], [{}], [[true]], [new Boolean(true)]])(
    'a function that answers %j, which is no boolean, is a warning, and counts as false',
    async (answer) => {
      for (const predicate of [() => answer, async () => answer]) {
        const { app, get, logger } = await start(predicate as never);
        expect(await get()).not.toContain('migrations');
        expect(logger.lines).toEqual([
          expect.stringMatching(
            /^warn The exportMigrations function answered .*Let it return true or false\.$/,
          ),
        ]);
        await app.close();
      }
    },
  );

  it('a function that fails is a warning, and counts as false', async () => {
    const { get, logger } = await start(() => Promise.reject(new TypeError('postgres://user:secret@host')));
    expect(await get()).not.toContain('migrations');
    expect(logger.lines).toEqual([
      'warn The exportMigrations function failed (TypeError): no migrations are exported. Let it return true or false.',
    ]);
  });

  it("false, and a call in the application's own hook: django's should_export_migrations", async () => {
    @Injectable()
    class Startup implements OnApplicationBootstrap {
      constructor(private readonly exporter: MigrationsExporter) {}
      async onApplicationBootstrap() {
        await this.exporter.exportMigrations();
      }
    }
    const { get } = await startApplication({
      imports: [typeorm(), PrometheusMigrationsModule.forRoot({ exportMigrations: false })],
      providers: [Startup],
    });
    expect(readingsOf(await get(), 'default')).toMatchObject({ applied_total: 42, unapplied_total: 3 });
  });
});
