import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Logger } from '@nestjs/common';
import { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { MigrationsExporter } from '../../lib';
import { COMPILE_MS, type CompiledFixture, compileFixture } from '../support/compiled';
import { closeDataSources, openDataSource } from '../support/data-sources';
import { readingsOf, samples } from '../support/exposition';
import { RecordingLogger } from '../support/logs';
import { defineMigrations } from '../support/migrations';
import type { ClusterSettings, ClusterStarted } from './cluster.fixture';

const WORKERS = 3;
const FAILING_WORKER = 2;
const MIGRATIONS = 3;
const APPLIED = 2;

describe("Node's cluster with prom-client's AggregatorRegistry", () => {
  let fixture: CompiledFixture;
  let dataSources: Record<string, DataSource>;
  let primary: ChildProcess;
  let started: ClusterStarted = { url: '', pids: [], workerUrls: [] };

  beforeAll(async () => {
    Logger.overrideLogger(new RecordingLogger());
    fixture = await compileFixture('test/e2e/cluster.fixture');
    const databases = Object.fromEntries(
      ['healthy', 'partly', 'lost'].map((name) => [name, join(fixture.directory, `${name}.sqlite`)]),
    );
    dataSources = Object.fromEntries(
      await Promise.all(
        Object.entries(databases).map(async ([name, database]) => [name, await migrated(database)] as const),
      ),
    );
    const settings: ClusterSettings = {
      workers: WORKERS,
      databases,
      broken: { partly: [FAILING_WORKER], lost: [1, 2, 3] },
      migrations: MIGRATIONS,
      portRange: await portRange(),
    };
    primary = fork(fixture.file, {
      env: { ...process.env, CLUSTER_SETTINGS: JSON.stringify(settings) },
      execArgv: [],
    });
    started = await new Promise<ClusterStarted>((resolve, reject) => {
      primary.once('message', resolve);
      primary.once('exit', (code) => reject(new Error(`The primary ended with code ${code}`)));
    });
  }, COMPILE_MS);

  afterAll(async () => {
    Logger.overrideLogger(undefined as never);
    if (primary?.exitCode === null && primary.signalCode === null) {
      const exit = once(primary, 'exit');
      primary.kill('SIGKILL');
      await exit;
    }
    // A worker ends by itself when it has lost its primary.
    await vi.waitFor(() => expect(started.pids.filter(isAlive)).toEqual([]), { timeout: 10_000 });
    await closeDataSources();
    await fixture.remove();
  });

  it('reads the same as one process where every worker can read', async () => {
    const alone = new MigrationsExporter({ dataSources, registry: new Registry() });
    await alone.exportMigrations();
    const expected = timeless(await alone.registry.metrics(), 'healthy');

    expect(timeless(await scrape(started.url), 'healthy')).toEqual(expected);
    expect(expected).toMatchObject({
      'typeorm_migrations_applied_total{connection="healthy"}': APPLIED,
      'typeorm_migrations_unapplied_total{connection="healthy"}': MIGRATIONS - APPLIED,
      'typeorm_migrations_collection_success{connection="healthy"}': 1,
    });
  });

  it('takes the figures of the workers that can read, and tells that one cannot', async () => {
    expect(readingsOf(await scrape(started.url), 'partly')).toMatchObject({
      applied_total: APPLIED,
      unapplied_total: MIGRATIONS - APPLIED,
      defined: MIGRATIONS,
      unknown: 0,
      out_of_order: 0,
      collection_success: 0,
    });
  });

  it('reads -1 where no worker can read', async () => {
    const { collection_duration_seconds, ...readings } = readingsOf(await scrape(started.url), 'lost');
    expect(readings).toEqual({ applied_total: -1, unapplied_total: -1, collection_success: 0 });
    expect(collection_duration_seconds).toBeGreaterThanOrEqual(0);
  });

  it('adds up the errors of all workers', async () => {
    const metrics = samples(await scrape(started.url));
    const errors = (connection: string, reason: string) =>
      metrics.get(
        `typeorm_migrations_collection_errors_total{connection="${connection}",reason="${reason}"}`,
      );

    // One for the start, one for each scrape before, one for this.
    expect(errors('partly', 'uninitialized')).toBeGreaterThanOrEqual(2);
    expect(errors('lost', 'uninitialized')).toBe(WORKERS * (errors('partly', 'uninitialized') ?? 0));
    expect(errors('healthy', 'uninitialized')).toBe(0);
    expect(errors('lost', 'timeout')).toBe(0);
  });

  it('shows at the next scrape what has been migrated', async () => {
    await dataSources['healthy']?.runMigrations();

    expect(readingsOf(await scrape(started.url), 'healthy')).toMatchObject({
      applied_total: MIGRATIONS,
      unapplied_total: 0,
    });
  });

  it('gives each worker a port of the range', async () => {
    const workers = await Promise.all(
      started.workerUrls.map(async (workerUrl) => {
        const metrics = await scrape(workerUrl);
        return { id: samples(metrics).get('worker_id'), partly: readingsOf(metrics, 'partly') };
      }),
    );

    expect(workers.map(({ id }) => id)).toEqual([1, 2, 3]);
    for (const { id, partly } of workers) {
      expect(partly['collection_success'], `worker ${id}`).toBe(id === FAILING_WORKER ? 0 : 1);
      expect(partly['applied_total'], `worker ${id}`).toBe(id === FAILING_WORKER ? -1 : APPLIED);
    }
  });
});

async function migrated(database: string): Promise<DataSource> {
  const before = await openDataSource({
    type: 'better-sqlite3',
    database,
    migrations: defineMigrations(APPLIED),
  });
  await before.dataSource.runMigrations();
  const now = await openDataSource({
    type: 'better-sqlite3',
    database,
    migrations: defineMigrations(MIGRATIONS),
  });
  return now.dataSource;
}

/** Ports from one on that was free a moment ago. */
async function portRange(): Promise<[number, number]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await promisify(server.close.bind(server))();
  return [port, Math.min(port + 50, 65_535)];
}

async function scrape(url: string): Promise<string> {
  const response = await fetch(url);
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return text;
}

/** One connection's samples, without those that differ from reading to reading. */
function timeless(metrics: string, connection: string): Record<string, number> {
  return Object.fromEntries(
    [...samples(metrics)].filter(
      ([series]) => series.includes(`{connection="${connection}"`) && !/_seconds\b/.test(series),
    ),
  );
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
