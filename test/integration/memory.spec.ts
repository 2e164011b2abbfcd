import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Logger } from '@nestjs/common';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { instrumentMigrations, MigrationsExporter } from '../../lib';
import { RunMetrics } from '../../lib/prometheus/run-metrics';
import { closeDataSources, openDataSource } from '../support/data-sources';
import { RecordingLogger } from '../support/logs';
import { defineMigrations } from '../support/migrations';

const TENANTS = 1000;
setFlagsFromString('--expose-gc');

beforeEach(() => Logger.overrideLogger(new RecordingLogger()));
afterEach(async () => {
  Logger.overrideLogger(undefined as never);
  await closeDataSources();
});

const open = async (): Promise<DataSource> =>
  (await openDataSource({ type: 'better-sqlite3', database: ':memory:', migrations: defineMigrations(2) }))
    .dataSource;

/** How many entries all maps, sets and lists have that can be reached from an object of this package. */
function entriesIn(root: object): number {
  const seen = new Set<object>();
  const queue: unknown[] = [root];
  let entries = 0;
  for (let value = queue.pop(); value !== undefined || queue.length > 0; value = queue.pop()) {
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    // What belongs to TypeORM or to Node.js is not ours to count.
    if ('@instanceof' in value || ArrayBuffer.isView(value)) continue;
    seen.add(value);
    if (value instanceof Map || value instanceof Set || Array.isArray(value)) {
      for (const inner of [...(value as Iterable<unknown>)].flat()) {
        entries += 1;
        queue.push(inner);
      }
    } else queue.push(...(Object.values(value) as unknown[]).filter((inner) => inner !== undefined));
  }
  return entries;
}

it('keeps nothing of tenants that were exported by hand and forgotten', async () => {
  const exporter = new MigrationsExporter({
    registry: new Registry(),
    dataSources: { default: await open() },
  });
  await exporter.exportMigrations();
  const dataSource = await open();
  async function passBy(alias: string) {
    expect(await exporter.exportMigrationsForDatabase(alias, dataSource)).toMatchObject({ status: 'read' });
    exporter.forgetDatabase(alias);
  }
  for (let tenant = 0; tenant < 10; tenant += 1) await passBy(`warm_${tenant}`);
  await exporter.registry.metrics();
  const before = entriesIn(exporter);
  for (let tenant = 0; tenant < TENANTS; tenant += 1) await passBy(`tenant_${tenant}`);
  const text = await exporter.registry.metrics();
  expect(entriesIn(exporter)).toBeLessThanOrEqual(before);
  expect(text).not.toContain('tenant_');
});

it('keeps nothing of names that were never exported, and forgotten', async () => {
  const exporter = new MigrationsExporter({ registry: new Registry() });
  await exporter.exportMigrations();
  const before = entriesIn(exporter);
  for (let tenant = 0; tenant < TENANTS; tenant += 1) exporter.forgetDatabase(`tenant_${tenant}`);
  expect(entriesIn(exporter)).toBe(before);
});

it('keeps nothing of aliases that clashed and were warned about', async () => {
  const [first, second] = [await open(), await open()];
  const exporter = new MigrationsExporter({ registry: new Registry(), dataSources: { default: first } });
  await exporter.exportMigrations();
  async function clash(times: number) {
    for (let time = 0; time < times; time += 1) {
      await exporter.exportMigrationsForDatabase('default', second);
      exporter.forgetDatabase('default');
      await exporter.exportMigrationsForDatabase('default', first);
      exporter.forgetDatabase('default');
    }
    return entriesIn(exporter);
  }
  const before = await clash(2);
  expect(await clash(20)).toBeLessThanOrEqual(before);
});

it('keeps of instrumented DataSources that are gone no more than their runs, added up', async () => {
  const registry = new Registry();
  const seen: WeakRef<DataSource>[] = [];
  async function migrateAndClose(): Promise<void> {
    const dataSource = instrumentMigrations(
      new DataSource({ type: 'better-sqlite3', database: ':memory:', migrations: defineMigrations(1) }),
      { registry },
    );
    seen.push(new WeakRef(dataSource));
    await dataSource.initialize();
    await dataSource.runMigrations();
    await dataSource.destroy();
  }
  async function untilGone(): Promise<void> {
    for (let turn = 0; turn < 50 && seen.some((each) => each.deref() !== undefined); turn += 1)
      await collectGarbage();
    await collectGarbage();
    expect(seen.filter((each) => each.deref() !== undefined)).toEqual([]);
  }
  const metrics = RunMetrics.of(registry, {});
  await migrateAndClose();
  await untilGone();
  const ofOne = entriesIn(metrics);

  for (let tenant = 0; tenant < 20; tenant += 1) await migrateAndClose();
  expect(entriesIn(metrics)).toBeGreaterThan(ofOne);
  await untilGone();

  expect(entriesIn(metrics)).toBe(ofOne);
  expect(await registry.metrics()).toMatch(/_count\{connection="default",outcome="succeeded"\} 21\n/);
});

/** The callbacks of what was collected come in a later turn of the event loop. */
async function collectGarbage(): Promise<void> {
  // What a WeakRef was asked for lives until the end of the turn.
  await setImmediate();
  (runInNewContext('gc') as () => void)();
  await setImmediate();
}
