import { Counter, register } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { METRIC_NAMES, MigrationsExporter, RegistryInUseError } from '../../lib';
import { RunSource } from '../../lib/prometheus/run-source';
import { type RecordedRuns, recordedOf } from '../../lib/runs/recorded-runs';
import { closeLater } from '../support/data-sources';
import { defineMigration } from '../support/migrations';
import { beginRuns, count, create, endRuns, figures, logger, registry } from '../support/runs';

beforeEach(beginRuns);
afterEach(endRuns);

describe('instrumented DataSources and MigrationsExporter', () => {
  it('follow what is exported by hand and forgotten', async () => {
    const exporter = new MigrationsExporter({ registry });
    const dataSource = await create({ migrationsRun: true }, {}).initialize();

    await exporter.exportMigrationsForDatabase('tenant', dataSource);
    expect(await figures()).toMatchObject({ [count('succeeded', 'tenant')]: 1 });
    expect(Object.keys(await figures(register)).join()).not.toContain('tenant');

    exporter.forgetDatabase('tenant');
    expect(await figures()).toEqual({});
    exporter.close();
  });

  it('are shown once, under the first of two aliases', async () => {
    const dataSource = await create({ migrationsRun: true }, {}).initialize();
    const dataSources = { first: dataSource, other: dataSource };
    const exporter = new MigrationsExporter({ registry, dataSources });
    await exporter.exportMigrations();

    const now = await figures();
    exporter.close();

    expect(now).toHaveProperty([count('succeeded', 'first')]);
    expect(Object.keys(now).join()).not.toContain('other');
  });

  it('are shown by their own options again when the exporter is closed', async () => {
    const dataSource = await create({ migrationsRun: true }, { connection: 'closed' }).initialize();
    const exporter = new MigrationsExporter({ registry, dataSources: { default: dataSource } });
    await exporter.exportMigrations();
    expect(await figures(register)).not.toHaveProperty([count('succeeded', 'closed')]);

    exporter.close();

    expect(await figures(register)).toHaveProperty([count('succeeded', 'closed')]);
  });

  it('keep no exporter in memory that has forgotten them', async () => {
    const exporter = new MigrationsExporter({ registry });
    const dataSource = await create({}, {}).initialize();
    await exporter.exportMigrationsForDatabase('tenant', dataSource);
    expect(RunSource.of(recordedOf(dataSource) as RecordedRuns).hosts.size).toBe(1);

    exporter.forgetDatabase('tenant');
    await registry.metrics();

    expect(RunSource.of(recordedOf(dataSource) as RecordedRuns).hosts.size).toBe(0);
    exporter.close();
  });

  it('do not keep a scrape from answering when somebody else has the name', async () => {
    new Counter({ name: METRIC_NAMES.lastRun, help: 'theirs', registers: [registry] });
    const dataSource = create({ migrations: [defineMigration('Late1700000000000')] }, {});
    const plain = await new DataSource({ type: 'better-sqlite3', database: ':memory:' }).initialize();
    closeLater(plain);
    const dataSources: Record<string, DataSource> = { plain };
    const exporter = new MigrationsExporter({ registry, maxAge: 0, dataSources });
    await exporter.exportMigrations();
    await dataSource.initialize();

    await expect(exporter.exportMigrationsForDatabase('late', dataSource)).rejects.toThrow(
      RegistryInUseError,
    );
    expect(await registry.metrics()).toContain('typeorm_migrations_applied_total{connection="late"} 0');
    expect(logger.lines).toContain(
      'warn The metrics of migration runs could not be registered (RegistryInUseError). ' +
        'Set the option registry, prefix or namespace to another.',
    );
    exporter.close();
  });
});
