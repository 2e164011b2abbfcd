import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { MigrationsExporter, PrometheusMigrationsModule } from '../../lib';
import { closeApplications, record, sqliteModule, startApplication } from '../support/applications';
import { closeDataSources, openDataSource } from '../support/data-sources';
import { readingsOf } from '../support/exposition';
import { freePort } from '../support/free-port';
import { holdStatements } from '../support/intercept';
import { defineMigrations } from '../support/migrations';

afterEach(async () => {
  vi.useRealTimers();
  await closeApplications();
  await closeDataSources();
});

/** An application of three migrations, none of which is recorded. */
async function start(options: object = {}) {
  const registry = new Registry();
  const { app } = await startApplication({
    imports: [
      sqliteModule(defineMigrations(3)),
      PrometheusMigrationsModule.forRoot({ registry, ...options }),
    ],
  });
  const applied = async () => readingsOf(await registry.metrics(), 'default')['applied_total'];
  return { exporter: app.get(MigrationsExporter), dataSource: app.get(DataSource), applied };
}

describe.each([
  ['frozen', () => vi.useFakeTimers()],
  [
    'frozen, with all that can be',
    () =>
      vi.useFakeTimers({
        toFake: ['setTimeout', 'setInterval', 'setImmediate', 'Date', 'performance', 'hrtime'],
      }),
  ],
  ['in the past', () => vi.useFakeTimers({ now: 0 })],
] as const)('timers that a test has faked: %s', (_how, fake) => {
  it('do not stop exportMigrations(), nor the scrapes after it', async () => {
    const { exporter, dataSource, applied } = await start();
    expect(await applied()).toBe(0);
    fake();
    await record(dataSource, 2);
    const [reading] = await exporter.exportMigrations();
    expect(reading).toMatchObject({ status: 'read', state: { applied: { length: 2 } } });
    expect(await applied()).toBe(2);
    await dataSource.runMigrations();
    await exporter.exportMigrations();
    expect(await applied()).toBe(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('do not freeze what a scrape shows', async () => {
    const { dataSource, applied } = await start({ maxAge: 0 });
    fake();
    for (const count of [1, 2, 3]) {
      await record(dataSource, count);
      expect(await applied()).toBe(count);
    }
    vi.useRealTimers();
    await dataSource.undoLastMigration();
    expect(await applied()).toBe(2);
  });

  it('do not stop maxAge', async () => {
    const { dataSource, applied } = await start({ maxAge: 50 });
    fake();
    await record(dataSource, 2);
    await expect.poll(applied).toBe(2);
  });

  it('do not stop a time-out, nor more migrations than are looked at in one turn', async () => {
    fake();
    const { dataSource } = await openDataSource({
      type: 'better-sqlite3',
      database: ':memory:',
      migrations: defineMigrations(2500),
    });
    const exporter = new MigrationsExporter({ registry: new Registry(), timeout: 1000 });
    expect(await exporter.exportMigrationsForDatabase('a', dataSource)).toMatchObject({ status: 'read' });
    const answer = holdStatements(dataSource);
    expect(await exporter.exportMigrationsForDatabase('a', dataSource)).toMatchObject({
      status: 'failed',
      reason: 'timeout',
    });
    answer();
    expect(vi.getTimerCount()).toBe(0);
    exporter.close();
  });
});

it('the own port answers what is there now, under timers that are faked', async () => {
  const port = await freePort();
  const { dataSource } = await start({ maxAge: 0, port });
  vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate', 'Date', 'performance'] });
  const applied = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`);
    return readingsOf(await response.text(), 'default')['applied_total'];
  };
  for (const count of [1, 2, 3]) {
    await record(dataSource, count);
    expect(await applied()).toBe(count);
  }
});
