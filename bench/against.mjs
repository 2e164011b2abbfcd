// Compares a steady export of this build with one of another build, both as ratios to the floor. The
// candidates alternate in one process, because two runs on a shared machine differ by more than a change
// saves. Each row is measured five times.
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { setImmediate } from 'node:timers';
import { Registry } from 'prom-client';
import { difference, open, startPostgres } from './databases.mjs';
import { median, milliseconds, percentile, table } from './statistics.mjs';

const SIZES = [
  [10, 1],
  [100, 1],
  [100, 50],
  [1000, 1],
  [1000, 50],
];
const RUNS = 5;
/** Duration of one run of one row, in milliseconds. */
const RUN = 3000;

/** @param folder - a built checkout, whose `dist/lib` is loaded */
export async function benchAgainst(folder, databases = ['postgres', 'better-sqlite3']) {
  const builds = {
    this: exporterOf(resolve(import.meta.dirname, '..')),
    other: exporterOf(resolve(folder)),
  };
  const postgres = await startPostgres();
  try {
    for (const database of databases) {
      const rows = [];
      for (const [count, connections] of SIZES) {
        rows.push(...(await measure(database, count, connections, postgres.url, builds)));
      }
      const heading = ['migrations', 'connections', 'build', 'to floor', 'spread', 'longest turn', 'p95'];
      console.log(`\n${database}\n\n${table(heading, rows)}`);
    }
  } finally {
    await postgres.stop();
  }
}

/** Creates a build's exporter and silences its own copy of Nest. */
function exporterOf(folder) {
  const require = createRequire(join(folder, 'package.json'));
  require('@nestjs/common').Logger.overrideLogger(false);
  return require('./dist/lib/index.js').MigrationsExporter;
}

async function measure(database, count, connections, url, builds) {
  const dataSources = {};
  for (let index = 0; index < connections; index += 1) {
    dataSources[`c${index}`] = await open(database, count, index, url, { count: 0 });
  }
  const all = Object.values(dataSources);
  const names = all[0].migrations.map(({ constructor }) => constructor.name);
  const exporters = Object.entries(builds).map(([name, MigrationsExporter]) => {
    const options = { dataSources, maxAge: 0, timeout: 60_000, concurrency: connections };
    return [name, new MigrationsExporter({ registry: new Registry(), ...options })];
  });
  const candidates = [
    ['floor', () => Promise.all(all.map((dataSource) => difference(dataSource, names)))],
    ...exporters.map(([name, exporter]) => [name, () => exporter.exportMigrations()]),
  ];
  const ratios = Object.fromEntries(exporters.map(([name]) => [name, []]));
  const turns = Object.fromEntries(exporters.map(([name]) => [name, []]));
  for (let run = 0; run < RUNS; run += 1) {
    const times = await takeTurns(candidates);
    for (const [name, exporter] of exporters) {
      ratios[name].push(median(times[name]) / median(times.floor));
      for (let round = 0; round < 20; round += 1) {
        turns[name].push(await longestTurn(() => exporter.exportMigrations()));
      }
    }
  }
  for (const [, exporter] of exporters) exporter.close();
  for (const dataSource of all) await dataSource.destroy();
  return exporters.map(([name]) => [
    count,
    connections,
    name,
    `${median(ratios[name]).toFixed(2)} ×`,
    `${Math.min(...ratios[name]).toFixed(2)} to ${Math.max(...ratios[name]).toFixed(2)}`,
    milliseconds(median(turns[name])),
    milliseconds(percentile(turns[name], 95)),
  ]);
}

async function takeTurns(candidates) {
  const times = Object.fromEntries(candidates.map(([name]) => [name, []]));
  const deadline = performance.now() + RUN;
  for (let round = -3; round < 10 || performance.now() < deadline; round += 1) {
    // Rotate the order, so that the garbage of one candidate does not always burden the same other one.
    const order = [...candidates];
    order.push(...order.splice(0, Math.abs(round) % order.length));
    if (round % 2 === 0) order.reverse();
    for (const [name, candidate] of order) {
      const startedAt = performance.now();
      await candidate();
      if (round >= 0) times[name].push(performance.now() - startedAt);
    }
  }
  return times;
}

/** Measures the longest time between two turns of the event loop while something runs, in milliseconds. */
async function longestTurn(run) {
  let longest = 0;
  let isRunning = true;
  let last = performance.now();
  const turn = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (isRunning) setImmediate(turn);
  };
  setImmediate(turn);
  await run();
  isRunning = false;
  longest = Math.max(longest, performance.now() - last);
  return longest;
}
