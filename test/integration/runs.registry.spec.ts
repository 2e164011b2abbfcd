import { AggregatorRegistry, Counter, register, Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { instrumentMigrations, METRIC_NAMES, metricNames } from '../../lib';
import {
  beginRuns,
  count,
  create,
  endRuns,
  figures,
  inProgress,
  last,
  logger,
  registry,
} from '../support/runs';

beforeEach(beginRuns);
afterEach(endRuns);

describe('instrumentMigrations', () => {
  it('takes the options of the last call, with the runs that there were', async () => {
    const dataSource = await create({ migrationsRun: true }).initialize();
    const other = new Registry();

    instrumentMigrations(dataSource, { registry: other, connection: 'orders' });

    expect(await figures()).toEqual({});
    expect(registry.getMetricsAsArray()).toEqual([]);
    expect(await figures(other)).toMatchObject({ [count('succeeded', 'orders')]: 1 });
  });

  it('tells connections apart on one registry', async () => {
    await create({ migrationsRun: true }, { registry, connection: 'orders' }).initialize();
    const users = await create({ migrationsRun: true }, { registry, connection: 'users' }).initialize();
    await users.runMigrations();

    expect(await figures()).toMatchObject({
      [count('succeeded', 'orders')]: 1,
      [count('succeeded', 'users')]: 2,
    });
  });

  it('shows the newest run of all DataSources of one connection', async () => {
    const one = await create({ migrationsRun: true }).initialize();
    await create({ migrationsRun: true }).initialize();
    const before = (await figures())[last('succeeded')]!;
    await vi.waitFor(() => expect(Date.now() / 1000).toBeGreaterThan(before));

    await one.runMigrations();

    expect((await figures())[last('succeeded')]).toBeGreaterThan(before);
  });

  it('has different names side by side', async () => {
    await create({ migrationsRun: true }, { registry, namespace: 'acme' }).initialize();
    await create({ migrations: [] }, { registry, prefix: 'shop' }).initialize();

    expect(await figures(registry, 'acme_typeorm')).toMatchObject({ [count('succeeded')]: 1 });
    expect(await figures(registry, 'shop')).toMatchObject({ [count('succeeded')]: 0 });
    expect(registry.getMetricsAsArray()).toHaveLength(6);
  });

  it('is back with all runs at the next one, if the registry was cleared', async () => {
    const dataSource = await create({ migrationsRun: true }).initialize();
    registry.clear();

    await dataSource.runMigrations();

    expect(await figures()).toMatchObject({ [count('succeeded')]: 2 });
  });

  it('adds up the runs of several workers, and shows the newest', async () => {
    const other = new Registry();
    await create({ migrationsRun: true }).initialize();
    const first = (await figures())[last('succeeded')];
    await create({ migrationsRun: true }, { registry: other }).initialize();
    const workers = [await other.getMetricsAsJSON(), await registry.getMetricsAsJSON()];

    const all = await figures(AggregatorRegistry.aggregate(workers));

    expect(all).toMatchObject({ [count('succeeded')]: 2, [count('failed')]: 0, [inProgress()]: 0 });
    expect(all[last('succeeded')]).toBe((await figures(other))[last('succeeded')]);
    expect(all[last('succeeded')]).toBeGreaterThanOrEqual(first!);
    expect(registry.getSingleMetric(METRIC_NAMES.runsInProgress)).toMatchObject({ aggregator: 'sum' });
  });

  it('loses no run to resetMetrics()', async () => {
    await create({ migrationsRun: true }).initialize();
    registry.resetMetrics();

    expect(await figures()).toMatchObject({ [count('succeeded')]: 1 });
  });

  it('still shows a run when the DataSource is closed and gone', async () => {
    await (await create({ migrationsRun: true }, {}).initialize()).destroy();

    expect((await figures(register))[count('succeeded')]).toBeGreaterThanOrEqual(1);
  });

  it('does not break a run when somebody else has taken the name', async () => {
    const dataSource = await create().initialize();
    registry.clear();
    new Counter({ name: METRIC_NAMES.runsInProgress, help: 'theirs', registers: [registry] });

    expect(await dataSource.runMigrations()).toHaveLength(2);
    expect(logger.lines[0]).toBe(
      'warn default: the metrics of migration runs could not be registered (RegistryInUseError). ' +
        'Set the option registry, prefix or namespace to another.',
    );
  });

  it('takes the namespace of the environment', async () => {
    vi.stubEnv('PROMETHEUS_METRIC_NAMESPACE', 'acme');
    create();
    vi.unstubAllEnvs();

    expect(registry.getSingleMetric(metricNames({ namespace: 'acme' }).lastRun)).toBeDefined();
  });
});
