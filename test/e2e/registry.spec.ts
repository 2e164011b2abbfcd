import { TypeOrmModule } from '@nestjs/typeorm';
import { Counter, Gauge, type OpenMetricsContentType, Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MigrationsExporter, PrometheusMigrationsModule } from '../../lib';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { readingsOf, samples } from '../support/exposition';
import { defineMigrations } from '../support/migrations';
import { failuresOf } from '../support/scrapes';

const READ = { applied_total: 42, unapplied_total: 3, collection_success: 1 };
const APPLIED = 'typeorm_migrations_applied_total';

let registry: Registry;
beforeEach(() => {
  registry = new Registry();
});
afterEach(closeApplications);

/** An application with a connection that is read, and one that nobody initializes. */
async function start(options: object = {}) {
  const {
    app,
    fetch: request,
    logger,
  } = await startApplication({
    imports: [
      sqliteModule(defineMigrations(45), { applied: 42 }),
      TypeOrmModule.forRoot({
        name: 'lost',
        type: 'better-sqlite3',
        database: ':memory:',
        manualInitialization: true,
      }),
      PrometheusMigrationsModule.forRoot({ registry, maxAge: 0, port: 0, defaultMetrics: true, ...options }),
    ],
  });
  const ownUrl = /served on (\S+)/.exec(logger.lines.join('\n'))?.[1] ?? '';
  const text = async (response: Promise<Response>) => {
    expect((await response).status).toBe(200);
    return (await response).text();
  };
  return {
    app,
    logger,
    /** By the application's own HTTP, and by the metrics' own port. */
    scrape: { application: () => text(request()), port: () => text(fetch(ownUrl)) },
  };
}

/** The names of all metrics, also of those without a sample. */
function namesIn(text: string): string[] {
  return Array.from(text.matchAll(/^# TYPE (\S+)/gm), ([, name]) => name as string).sort();
}

describe('the registry of a running application', () => {
  it.each(['application', 'port'] as const)('that was cleared has all back at a scrape (%s)', async (by) => {
    const { scrape } = await start();
    const before = await scrape[by]();
    registry.clear();
    const after = await scrape[by]();
    expect(readingsOf(after, 'default')).toMatchObject(READ);
    expect(namesIn(after)).toEqual(namesIn(before));
    expect(samples(after).get('process_start_time_seconds')).toBeTypeOf('number');
  });

  it('of OpenMetrics shows each metric once at every scrape, and none when the application has closed', async () => {
    const openMetrics = new Registry<OpenMetricsContentType>();
    openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const { app, scrape } = await start({ registry: openMetrics });
    const first = namesIn(await scrape.application());
    expect(first).toContain('typeorm_migrations_collection_errors');
    expect(new Set(first).size).toBe(first.length);
    expect(namesIn(await scrape.application())).toEqual(first);
    openMetrics.clear();
    expect(namesIn(await scrape.application())).toEqual(first);
    await app.close();
    expect(openMetrics.getMetricsAsArray()).toEqual([]);
  });

  it('that was cleared has all back when the application exports by hand', async () => {
    const { app } = await start();
    registry.clear();
    const readings = await app.get(MigrationsExporter).exportMigrations();
    expect(readings[0]).toMatchObject({ connection: 'default', status: 'read' });
    expect(readingsOf(await registry.metrics(), 'default')).toMatchObject(READ);
  });

  it.each(['application', 'port'] as const)('that was reset loses no failure (%s)', async (by) => {
    const { scrape } = await start();
    const before = failuresOf(await scrape[by](), 'lost')['uninitialized'] ?? Number.NaN;
    registry.resetMetrics();
    const after = await scrape[by]();
    expect(failuresOf(after, 'lost')).toEqual({ uninitialized: before + 1 });
    expect(
      samples(after).get('typeorm_migrations_collection_errors_total{connection="default",reason="timeout"}'),
    ).toBe(0);
    expect(readingsOf(after, 'default')).toMatchObject(READ);
  });

  it('that was cleared takes another application, which gives all back when it closes', async () => {
    const first = await start();
    registry.clear();
    const second = await start({ path: '/other', port: undefined });
    expect(readingsOf(await registry.metrics(), 'default')).toMatchObject(READ);
    await second.app.close();
    expect(readingsOf(await first.scrape.application(), 'default')).toMatchObject(READ);
  });

  it('keeps what somebody else has put there since, whatever is scraped or closed', async () => {
    const { app, scrape } = await start();
    registry.clear();
    const theirs = new Gauge({ name: APPLIED, help: 'Theirs', registers: [registry] });
    theirs.set(7);
    expect(samples(await scrape.application()).get(APPLIED)).toBe(7);
    expect(samples(await scrape.port()).get(APPLIED)).toBe(7);
    registry.resetMetrics();
    theirs.set(8);
    await app.close();
    expect(registry.getSingleMetric(APPLIED)).toBe(theirs);
    expect(samples(await registry.metrics()).get(APPLIED)).toBe(8);
  });

  it('has nothing of a closed application, and everything of its neighbours', async () => {
    const orders = new Counter({ name: 'orders_total', help: 'Orders', registers: [registry] });
    orders.inc(3);
    const { app } = await start();
    await app.close();
    expect(await registry.getMetricsAsJSON()).toMatchObject([{ name: 'orders_total' }]);
  });

  it('has a metric back that was taken out alone', async () => {
    const { scrape } = await start();
    registry.removeSingleMetric(APPLIED);
    expect(readingsOf(await scrape.application(), 'default')).toMatchObject(READ);
  });
});
