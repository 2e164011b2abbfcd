// Compares one export with a floor: for each connection, a bare SELECT of the names and a set difference, all
// at once. Half of the migrations are applied. The floor, a cold export (a new exporter), a steady export and
// TypeORM's own executor alternate in one run.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Logger } from '@nestjs/common';
import { MigrationsExporter } from 'nestjs-prometheus-migrations';
import { Registry } from 'prom-client';
import { MigrationExecutor } from 'typeorm';
import { difference, open, startPostgres } from './databases.mjs';
import { median, milliseconds, ratio, table } from './statistics.mjs';

const MIGRATIONS = [10, 100, 1000, 10_000];
const CONNECTIONS = [1, 10, 50, 200];
/** Limit of names read over all connections. Larger cases would take minutes without new information. */
const MOST_NAMES = 500_000;
/** TypeORM's executor compares every name with every other, so it runs only in every tenth round. */
const MOST_COMPARISONS = 100_000_000;

export async function benchReadings() {
  Logger.overrideLogger(false);
  const postgres = await startPostgres();
  try {
    for (const database of ['better-sqlite3', 'postgres']) {
      const rows = [];
      for (const count of MIGRATIONS) {
        for (const connections of CONNECTIONS) {
          if (count * connections <= MOST_NAMES)
            rows.push(await measure(database, count, connections, postgres.url));
        }
      }
      console.log(`\n${database}\n`);
      console.log(
        table(
          [
            'migrations',
            'connections',
            'floor',
            'steady',
            'cold',
            "TypeORM's executor",
            'statements',
            'longest block',
          ],
          rows,
        ),
      );
    }
  } finally {
    await postgres.stop();
  }
}

async function measure(database, count, connections, url) {
  const sent = { count: 0 };
  const dataSources = {};
  for (let index = 0; index < connections; index += 1) {
    dataSources[`c${index}`] = await open(database, count, index, url, sent);
  }
  const all = Object.values(dataSources);
  const names = all[0].migrations.map(({ constructor }) => constructor.name);
  const exporter = new MigrationsExporter({
    registry: new Registry(),
    dataSources,
    maxAge: 0,
    timeout: 60_000,
    concurrency: connections,
  });
  await exporter.exportMigrations();

  const candidates = {
    floor: () => Promise.all(all.map((dataSource) => difference(dataSource, names))),
    cold: async () => {
      const cold = new MigrationsExporter({
        registry: new Registry(),
        dataSources,
        timeout: 60_000,
        concurrency: connections,
      });
      await cold.exportMigrations();
      cold.close();
    },
    steady: () => exporter.exportMigrations(),
    ...(count * count * connections <= MOST_COMPARISONS && {
      typeorm: () =>
        Promise.all(all.map((dataSource) => new MigrationExecutor(dataSource).getPendingMigrations())),
    }),
  };

  const times = Object.fromEntries(Object.keys(candidates).map((name) => [name, []]));
  const deadline = performance.now() + 2000;
  const rounds = count * connections <= 1000 ? 300 : 60;
  for (let round = -5; round < rounds && (round < 15 || performance.now() < deadline); round += 1) {
    // Rotate the order, so that the garbage of one candidate does not always burden the same other one.
    const order = Object.entries(candidates);
    order.push(...order.splice(0, Math.abs(round) % order.length));
    if (round % 2 === 0) order.reverse();
    for (const [name, candidate] of order) {
      if (name === 'typeorm' && round % 10 !== 0) continue;
      const startedAt = performance.now();
      await candidate();
      if (round >= 0) times[name].push(performance.now() - startedAt);
    }
  }

  sent.count = 0;
  await exporter.exportMigrations();
  const statements = sent.count / connections;
  const block = await longestBlock(() => exporter.exportMigrations());

  exporter.close();
  for (const dataSource of all) await dataSource.destroy();
  const floor = median(times.floor);
  return [
    count,
    connections,
    milliseconds(floor),
    ...[times.steady, times.cold, times.typeorm].map((values) =>
      values ? against(floor, median(values)) : '–',
    ),
    statements,
    milliseconds(block),
  ];
}

function against(floor, value) {
  return `${milliseconds(value)} (${ratio(value, floor)})`;
}

/**
 * Measures the longest block of the event loop in one export, in milliseconds. It is the median of several
 * exports, because other programs on the machine also block it.
 */
async function longestBlock(run) {
  const blocks = [];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  for (let round = 0; round < 15; round += 1) {
    delay.reset();
    delay.enable();
    // The monitor measures the time between its own ticks.
    await new Promise((resolve) => setTimeout(resolve, 5));
    await run();
    await new Promise((resolve) => setTimeout(resolve, 5));
    delay.disable();
    blocks.push(delay.max / 1e6);
  }
  return median(blocks);
}
