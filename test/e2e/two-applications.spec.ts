import {
  Controller,
  Get,
  type INestApplication,
  Injectable,
  Module,
  type ModuleMetadata,
  type OnModuleDestroy,
  type Type,
} from '@nestjs/common';
import { collectDefaultMetrics, register, Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MigrationsExporter, PrometheusMigrationsModule } from '../../lib';
import {
  closeApplications,
  type RunningApplication,
  sqliteModule,
  startApplication,
} from '../support/applications';
import { readingsOf, samples } from '../support/exposition';
import { freePort } from '../support/free-port';
import { defineMigrations } from '../support/migrations';
import { PLATFORM_NAMES, type Platform, PLATFORMS } from '../support/platforms';

/** Applications of this file, each with one migration more than the one before: so they can be told apart. */
let started = 0;

/** An AppModule whose decorators are evaluated once, however many applications are made of it. */
function createAppModule(
  options?: Parameters<typeof PrometheusMigrationsModule.forRoot>[0],
  metadata: ModuleMetadata = {},
): Type {
  @Module({
    ...metadata,
    imports: [PrometheusMigrationsModule.forRoot(options), ...(metadata.imports ?? [])],
  })
  class AppModule {}
  return AppModule;
}

interface Numbered extends RunningApplication {
  /** How many migrations it defines. */
  defined: number;
}

async function start(
  platform: Platform,
  appModule: Type,
  configure?: (app: INestApplication) => unknown,
): Promise<Numbered> {
  const defined = (started += 1);
  const application = await startApplication(
    { imports: [sqliteModule(defineMigrations(defined)), appModule] },
    configure,
    PLATFORMS[platform],
  );
  return { ...application, defined };
}

/** How many migrations the metrics of a registry say are defined. */
const definedIn = async (registry: Registry = register, prefix?: string) =>
  readingsOf(await registry.metrics(), 'default', prefix)['defined'];
const warningsOf = (...applications: RunningApplication[]) =>
  applications.flatMap(({ logger }) => logger.lines).filter((line) => !line.startsWith('log'));

const SHARED = expect.stringMatching(
  /^warn More than one .* puts "typeorm_migrations_\*" into the same registry: the newest has them until it is closed\. .*await app\.close\(\)/,
) as string;

afterEach(async () => {
  await closeApplications();
  vi.unstubAllEnvs();
  expect(register.getMetricsAsArray()).toEqual([]);
});

describe.each(PLATFORM_NAMES)('two living applications of one AppModule on %s', (platform) => {
  describe('in a nested beforeEach', () => {
    const AppModule = createAppModule();
    let outer: Numbered;
    let inner: Numbered;
    let warnings: string[] = [];

    beforeEach(async () => {
      outer = await start(platform, AppModule);
    });

    describe('as a describe block in another', () => {
      beforeEach(async () => {
        inner = await start(platform, AppModule);
      });
      afterEach(() => {
        warnings = [...warnings, ...warningsOf(outer, inner)];
      });

      it('the newest has the metrics', async () => {
        expect(await definedIn()).toBe(inner.defined);
        expect(readingsOf(await inner.get(), 'default')).toMatchObject({ defined: inner.defined });
        expect((await outer.fetch()).status).toBe(200);
      });

      it('the older has them again when the newer closes', async () => {
        await inner.app.close();
        expect(await definedIn()).toBe(outer.defined);
        expect(readingsOf(await outer.get(), 'default')).toMatchObject({ defined: outer.defined });
      });

      it('the newer keeps them when the older closes', async () => {
        await outer.app.close();
        expect(await definedIn()).toBe(inner.defined);
        await inner.app.close();
        expect(register.getMetricsAsArray()).toEqual([]);
      });

      it('a third gives them back to the newest of those that are left', async () => {
        const third = await start(platform, AppModule);
        expect(await definedIn()).toBe(third.defined);
        await inner.app.close();
        expect(await definedIn()).toBe(third.defined);
        await third.app.close();
        expect(await definedIn()).toBe(outer.defined);
      });
    });

    it('one warning says so, however many tests there are in the process', () => {
      expect(warnings).toEqual(platform === PLATFORM_NAMES[0] ? [SHARED] : []);
    });
  });

  it('counts a registry of the decorator as one registry, too', async () => {
    const registry = new Registry();
    const AppModule = createAppModule({ registry });
    const first = await start(platform, AppModule);
    const second = await start(platform, AppModule);
    expect(await definedIn(registry)).toBe(second.defined);
    await second.app.close();
    expect(await definedIn(registry)).toBe(first.defined);
    expect(warningsOf(first, second)).toEqual([SHARED]);
  });

  it('claims nothing with PROMETHEUS_EXPORT_MIGRATIONS=false', async () => {
    vi.stubEnv('PROMETHEUS_EXPORT_MIGRATIONS', 'false');
    const registry = new Registry();
    const silent = createAppModule({ registry });
    vi.unstubAllEnvs();
    const loud = await start(platform, createAppModule({ registry }));
    const others = [await start(platform, silent), await start(platform, silent)];
    expect(await definedIn(registry)).toBe(loud.defined);
    expect(warningsOf(loud, ...others)).toEqual([]);
  });

  it("lets prefix: 'django' live beside typeorm", async () => {
    const registry = new Registry();
    const first = await start(platform, createAppModule({ registry }));
    const second = await start(platform, createAppModule({ registry, prefix: 'django' }));
    expect([await definedIn(registry), await definedIn(registry, 'django')]).toEqual([
      first.defined,
      second.defined,
    ]);
    await second.app.close();
    expect([await definedIn(registry), await definedIn(registry, 'django')]).toEqual([
      first.defined,
      undefined,
    ]);
    expect(warningsOf(first, second)).toEqual([]);
  });

  it('shares the registry with an exporter that is made by hand', async () => {
    const registry = new Registry();
    const application = await start(platform, createAppModule({ registry }));
    const exporter = new MigrationsExporter({ registry });
    await exporter.exportMigrations();
    expect(await definedIn(registry)).toBeUndefined();
    exporter.close();
    expect(await definedIn(registry)).toBe(application.defined);
  });

  describe('with default metrics', () => {
    const cpu = (registry: Registry) => registry.getSingleMetric('process_cpu_user_seconds_total');

    it('hands them back as well', async () => {
      const registry = new Registry();
      const AppModule = createAppModule({ registry, defaultMetrics: true });
      const first = await start(platform, AppModule);
      const ofFirst = cpu(registry);
      const second = await start(platform, AppModule);
      expect(cpu(registry)).not.toBe(ofFirst);
      expect(samples(await second.get()).get('process_start_time_seconds')).toBeGreaterThan(0);
      await second.app.close();
      expect(cpu(registry)).toBe(ofFirst);
      expect(samples(await first.get()).get('nodejs_eventloop_lag_seconds')).toBeTypeOf('number');
      expect(warningsOf(first, second)).toHaveLength(2);
      await first.app.close();
      expect(registry.getMetricsAsArray()).toEqual([]);
    });

    it('leaves those of somebody else alone', async () => {
      const registry = new Registry();
      collectDefaultMetrics({ register: registry });
      const theirs = registry.getMetricsAsArray();
      const AppModule = createAppModule({ registry, defaultMetrics: true });
      const first = await start(platform, AppModule);
      const second = await start(platform, AppModule);
      expect(registry.getMetricsAsArray()).toEqual(expect.arrayContaining(theirs));
      await second.app.close();
      await first.app.close();
      expect(registry.getMetricsAsArray()).toEqual(theirs);
    });
  });
});

describe.each(PLATFORM_NAMES)('a hot reload on %s', (platform) => {
  let release = () => {};
  // Before the applications are closed, which wait for it.
  beforeEach(() => () => release());

  /** A controller whose request drains until it is released, and a provider whose end is slow. */
  function createSlow() {
    const released = new Promise<void>((resolve) => (release = resolve));
    let arrive!: () => void;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));

    @Controller('slow')
    class SlowController {
      @Get()
      async answer() {
        arrive();
        await released;
        return 'slow';
      }
    }
    @Injectable()
    class SlowProvider implements OnModuleDestroy {
      async onModuleDestroy() {
        arrive();
        await released;
      }
    }
    return { SlowController, SlowProvider, arrived };
  }

  it('starts the next while a slow request drains: it owns the registry and the port', async () => {
    const port = await freePort();
    const registry = new Registry();
    const { SlowController, arrived } = createSlow();
    const AppModule = createAppModule({ registry, port }, { controllers: [SlowController] });
    const first = await start(platform, AppModule);
    const slow = first.fetch('/slow', { headers: { connection: 'close' } });
    await arrived;
    const closing = first.app.close();

    const second = await start(platform, AppModule);
    expect(warningsOf(first, second)).toEqual([]);
    expect(await definedIn(registry)).toBe(second.defined);
    const scrape = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(readingsOf(await scrape(), 'default')).toMatchObject({ defined: second.defined });

    release();
    expect(await (await slow).text()).toBe('slow');
    await closing;
    expect(await definedIn(registry)).toBe(second.defined);
    expect(readingsOf(await scrape(), 'default')).toMatchObject({ defined: second.defined });
    expect(warningsOf(first, second)).toEqual([]);
  });

  it('starts the next while the hook of another module is slow, and gives it the port in the end', async () => {
    const port = await freePort();
    const registry = new Registry();
    const { SlowProvider, arrived } = createSlow();
    const AppModule = createAppModule({ registry, port }, { providers: [SlowProvider] });
    const first = await start(platform, AppModule);
    const closing = first.app.close();
    await arrived;

    const second = await start(platform, AppModule);
    const scrape = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(await definedIn(registry)).toBe(second.defined);
    expect(readingsOf(await scrape(), 'default')).toMatchObject({ defined: second.defined });

    release();
    await closing;
    expect(await definedIn(registry)).toBe(second.defined);
    await expect.poll(() => scrape().catch(() => 'closed')).toContain('typeorm_migrations_defined');
    await second.app.close();
    await expect(scrape()).rejects.toThrow();
  });

  it('puts nothing into the registry for an application that has begun to close', async () => {
    const registry = new Registry();
    const { SlowController, arrived } = createSlow();
    const AppModule = createAppModule(
      { registry, exportMigrations: false },
      { controllers: [SlowController] },
    );
    const first = await start(platform, AppModule);
    const slow = first.fetch('/slow', { headers: { connection: 'close' } });
    await arrived;
    const closing = first.app.close();
    const second = await start(platform, createAppModule({ registry }));
    await first.app.get(MigrationsExporter).exportMigrations();
    expect(await definedIn(registry)).toBe(second.defined);
    release();
    await slow;
    await closing;
    expect(await definedIn(registry)).toBe(second.defined);
  });
});
