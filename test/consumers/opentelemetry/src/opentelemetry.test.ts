import assert from 'node:assert/strict';
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { metrics } from '@opentelemetry/api';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import {
  instrumentMigrations,
  InvalidOptionError,
  MissingClientError,
  observeMigrations,
  PrometheusMigrationsModule,
} from 'nestjs-prometheus-migrations';
import { DataSource } from 'typeorm';
import { scrape, start } from './application.js';
import { CreateAuthor1700000000000 } from './migrations.js';

class ManualReader extends MetricReader {
  protected async onForceFlush(): Promise<void> {}
  protected async onShutdown(): Promise<void> {}
}

function startSdk() {
  const reader = new ManualReader();
  const meter = new MeterProvider({ readers: [reader] }).getMeter('app');
  const exposition = async () =>
    new PrometheusSerializer('', false).serialize((await reader.collect()).resourceMetrics);
  return { meter, exposition };
}

const unapplied = (text: string) =>
  Array.from(text.matchAll(/^typeorm_migrations_unapplied_total\{connection="(\w+)".*\} (\S+)$/gm), (match) =>
    match.slice(1).join(' '),
  ).sort();

/** Warnings that the application logs meanwhile. */
async function warningsOf(work: () => Promise<unknown>): Promise<string> {
  const { write } = process.stdout;
  const logged: string[] = [];
  process.stdout.write = ((chunk: string) => logged.push(String(chunk)) > 0) as typeof write;
  try {
    await work();
  } finally {
    process.stdout.write = write;
  }
  return logged.join('');
}

test('Nest without a Prometheus client: the figures are on the meter, and readiness is served', async () => {
  const { meter, exposition } = startSdk();
  const app = await start({
    imports: [
      PrometheusMigrationsModule.forRoot({
        meter: () => meter,
        readiness: { path: '/readyz' },
        statusPath: '/status',
      }),
    ],
  });
  assert.deepEqual(unapplied(await exposition()), ['default 2', 'fresh 3']);
  assert.equal((await scrape(app, '/metrics')).status, 404);
  assert.equal((await scrape(app, '/readyz')).status, 503);
  assert.equal((await scrape(app, '/status')).status, 200);
  await app.close();
  assert.deepEqual(unapplied(await exposition()), ['default NaN', 'fresh NaN']);
});

test('a meter that was taken too early is warned about', async () => {
  const early = metrics.getMeter('app');
  const logged = await warningsOf(async () => {
    const app = await start({ imports: [PrometheusMigrationsModule.forRoot({ meter: early })] });
    await app.close();
  });
  assert.match(logged, /The OpenTelemetry meter records nothing/);
});

test('what only a client could do is refused', () => {
  assert.throws(() => PrometheusMigrationsModule.forRoot(), MissingClientError);
  const { meter } = startSdk();
  for (const options of [{ path: '/metrics' }, { defaultMetrics: true }, { port: 0 }]) {
    assert.throws(() => PrometheusMigrationsModule.forRoot({ meter, ...options }), InvalidOptionError);
  }
});

test('scripts: observeMigrations and instrumentMigrations', async () => {
  const { meter, exposition } = startSdk();
  const dataSource = new DataSource({ type: 'sqljs', migrations: [CreateAuthor1700000000000] });
  await instrumentMigrations(dataSource, { meter }).initialize();
  const observation = await observeMigrations({ dataSources: { orders: dataSource } }, meter);
  assert.deepEqual(unapplied(await exposition()), ['orders 1']);
  await dataSource.runMigrations();
  assert.match(
    await exposition(),
    /^typeorm_migrations_run_duration_seconds_bucket\{.*outcome="succeeded".*le="3600"\} 1$/m,
  );
  observation.close();
  await dataSource.destroy();
});

test('the command: check works, and metrics says what is missing', async () => {
  writeFileSync(
    'data-source.cjs',
    "const { DataSource } = require('typeorm'); module.exports = new DataSource({ type: 'sqljs', migrations: [class First1700000000000 { async up() {} async down() {} }] });",
  );
  const command = (name: string) =>
    promisify(execFile)('npx', ['--no', 'nestjs-prometheus-migrations', name, '-d', 'data-source.cjs']).then(
      () => ({ code: 0, stderr: '' }),
      (error: { code: number; stderr: string }) => error,
    );
  assert.equal((await command('check')).code, 1);
  const { code, stderr } = await command('metrics');
  assert.equal(code, 2);
  assert.match(stderr, /No Prometheus client is installed/);
});

/** Packages that start an SDK before the application, if the row has one. */
const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  dependencies: Record<string, string>;
};
const AUTO = '@opentelemetry/auto-instrumentations-node';

test('an SDK that --require starts: the global meter', { skip: !(AUTO in dependencies) }, async () => {
  const child = fork(join(import.meta.dirname, 'main.js'), {
    execArgv: ['--require', `${AUTO}/register`],
    env: {
      ...process.env,
      OTEL_METRICS_EXPORTER: 'prometheus',
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
      OTEL_EXPORTER_PROMETHEUS_PORT: '19464',
    },
  });
  await once(child, 'message');
  const text = await (await fetch('http://127.0.0.1:19464/metrics')).text();
  assert.deepEqual(unapplied(text), ['default 2', 'fresh 3']);
  child.send('close');
  await once(child, 'exit');
});
