// Run by cluster.spec.ts, compiled: a primary that serves the metrics of all workers, and the workers.
import 'reflect-metadata';
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AggregatorRegistry, Gauge } from 'prom-client';
import { PrometheusMigrationsModule } from '../../lib';
import { RecordingLogger } from '../support/logs';
import { defineMigrations } from '../support/migrations';

/** What the spec passes on: as JSON, in the environment. */
export interface ClusterSettings {
  readonly workers: number;
  /** Files that are databases, by connection. */
  readonly databases: Readonly<Record<string, string>>;
  /** Which workers cannot read a connection, by connection. */
  readonly broken: Readonly<Record<string, readonly number[]>>;
  readonly migrations: number;
  readonly portRange: readonly [number, number];
}

/** What the primary sends once all workers are up. */
export interface ClusterStarted {
  readonly url: string;
  readonly pids: readonly number[];
  /** Where each worker serves its own metrics. */
  readonly workerUrls: readonly string[];
}

const settings = JSON.parse(process.env['CLUSTER_SETTINGS'] ?? '{}') as ClusterSettings;

async function primary(): Promise<void> {
  const aggregator = new AggregatorRegistry();
  const workers = Array.from({ length: settings.workers }, () => cluster.fork());
  const workerUrls = await Promise.all(workers.map(ready));

  const server = createServer((_request, response) => {
    aggregator.clusterMetrics().then(
      (metrics) => response.setHeader('Content-Type', aggregator.contentType).end(metrics),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  process.send?.({
    url: `http://127.0.0.1:${port}`,
    pids: workers.map(({ process: { pid } }) => pid as number),
    workerUrls,
  } satisfies ClusterStarted);
}

function ready(worker: Worker): Promise<string> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('exit', (code) => reject(new Error(`Worker ${worker.id} ended with code ${code}`)));
  });
}

async function worker({ id }: Worker): Promise<void> {
  // Lets this process answer the primary.
  new AggregatorRegistry();
  new Gauge({ name: 'worker_id', help: 'Which worker this is', aggregator: 'max' }).set(id);

  @Module({
    imports: [
      ...Object.entries(settings.databases).map(([name, database]) =>
        TypeOrmModule.forRoot({
          name,
          type: 'better-sqlite3',
          database,
          migrations: defineMigrations(settings.migrations),
          // Nobody initializes it.
          manualInitialization: settings.broken[name]?.includes(id) ?? false,
        }),
      ),
      PrometheusMigrationsModule.forRoot({ maxAge: 0, portRange: settings.portRange }),
    ],
  })
  class WorkerModule {}

  const logger = new RecordingLogger();
  await NestFactory.createApplicationContext(WorkerModule, { logger, abortOnError: false });
  process.send?.(/served on (\S+)/.exec(logger.lines.join('\n'))?.[1] ?? 'nowhere');
}

(cluster.worker === undefined ? primary() : worker(cluster.worker)).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
