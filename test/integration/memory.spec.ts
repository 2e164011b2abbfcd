import { Logger } from '@nestjs/common';
import { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { MigrationsExporter } from '../../lib';
import { closeDataSources, openDataSource } from '../support/data-sources';
import { RecordingLogger } from '../support/logs';
import { defineMigrations } from '../support/migrations';

const TENANTS = 1000;

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
