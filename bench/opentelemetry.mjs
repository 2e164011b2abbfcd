// Compares a collection by OpenTelemetry's SDK with a scrape of the registry, for the same connections in
// turns. Both read PostgreSQL each time and render their text.
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { Logger } from '@nestjs/common';
import { MigrationsExporter, observeMigrations } from 'nestjs-prometheus-migrations';
import { Registry } from 'prom-client';
import { open, startPostgres } from './databases.mjs';
import { median, milliseconds, ratio, table } from './statistics.mjs';

const ROUNDS = 100;
const WARM_UP = 10;
const MIGRATIONS = 100;
const CONNECTIONS = [1, 10, 50];

class ManualReader extends MetricReader {
  async onForceFlush() {}
  async onShutdown() {}
}

export async function benchOpenTelemetry() {
  Logger.overrideLogger(false);
  const postgres = await startPostgres();
  try {
    const rows = [];
    for (const connections of CONNECTIONS) rows.push(await measure(connections, postgres.url));
    console.log(table(['connections', 'scrape', 'collection by the SDK', 'to the scrape'], rows));
  } finally {
    await postgres.stop();
  }
}

async function measure(connections, url) {
  const dataSources = {};
  for (let index = 0; index < connections; index += 1) {
    dataSources[`c${index}`] = await open('postgres', MIGRATIONS, index, url, { count: 0 });
  }
  const options = { dataSources, maxAge: 0, timeout: 60_000, concurrency: connections };
  const exporter = new MigrationsExporter({ ...options, registry: new Registry() });
  await exporter.exportMigrations();
  const reader = new ManualReader();
  const observation = await observeMigrations(
    options,
    new MeterProvider({ readers: [reader] }).getMeter('bench'),
  );
  const serializer = new PrometheusSerializer('', false);
  const candidates = {
    scrape: () => exporter.registry.metrics(),
    collection: async () => serializer.serialize((await reader.collect()).resourceMetrics),
  };
  const took = { scrape: [], collection: [] };
  for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
    for (const [name, work] of Object.entries(candidates)) {
      const startedAt = performance.now();
      await work();
      if (round >= WARM_UP) took[name].push(performance.now() - startedAt);
    }
  }
  exporter.close();
  observation.close();
  for (const dataSource of Object.values(dataSources)) await dataSource.destroy();
  const [scrape, collection] = [median(took.scrape), median(took.collection)];
  return [connections, milliseconds(scrape), milliseconds(collection), ratio(collection, scrape)];
}
