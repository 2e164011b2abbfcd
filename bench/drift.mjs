// Compares one drift check with the schema builder's log() for all entities at once: the longest turn of the
// event loop and the CPU time, on an unchanged schema. Both alternate in one process, and the results are
// ratios.
import { createRequire } from 'node:module';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers';
import { DataSource, EntitySchema } from 'typeorm';
import { startPostgres } from './databases.mjs';
import { median, milliseconds, ratio, table } from './statistics.mjs';

const { readDrift } = createRequire(import.meta.url)('../dist/lib/drift/read.js');

const ENTITIES = [10, 100, 500];
const ROUNDS = 3;

/** @param counts - of entities */
export async function benchDrift(counts = ENTITIES) {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  const postgres = await startPostgres();
  try {
    const rows = [];
    for (const type of ['better-sqlite3', 'postgres']) {
      for (const count of counts) {
        const database =
          type === 'postgres' ? { url: postgres.url } : { database: join(folder, String(count)) };
        rows.push(await measure({ type, ...database }, count));
      }
    }
    const heading = [
      'database',
      'entities',
      'log(): longest turn',
      'drift',
      'log(): CPU',
      'drift',
      'log(): time',
      'drift',
    ];
    console.log(table(heading, rows));
  } finally {
    await postgres.stop();
    await rm(folder, { recursive: true });
  }
}

async function measure(options, count) {
  const dataSource = await new DataSource({ ...options, entities: entities(count) }).initialize();
  await dataSource.synchronize(true);
  const results = { log: [], drift: [] };
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const [name, run] of [
      ['log', () => dataSource.driver.createSchemaBuilder().log()],
      ['drift', () => read(dataSource)],
    ]) {
      const cost = await costOf(run);
      if (round >= 0) results[name].push(cost);
    }
  }
  await dataSource.destroy();
  const both = (kind) => {
    const [log, drift] = [results.log, results.drift].map((costs) => median(costs.map((cost) => cost[kind])));
    return [milliseconds(log), `${milliseconds(drift)} (${ratio(drift, log)})`];
  };
  return [options.type, count, ...both('turn'), ...both('cpu'), ...both('time')];
}

/** Reads drift, and fails if there is any: then the benchmark would measure something else. */
async function read(dataSource) {
  const reading = await readDrift(dataSource, { timeout: 60_000 });
  if (reading.statements !== 0) throw new Error(JSON.stringify(reading));
}

/** Measures a run in milliseconds: the longest turn of the event loop, the CPU time and the duration. */
async function costOf(run) {
  let turn = 0;
  let isRunning = true;
  let last = performance.now();
  const look = () => {
    const now = performance.now();
    turn = Math.max(turn, now - last);
    last = now;
    if (isRunning) setImmediate(look);
  };
  setImmediate(look);
  const before = process.cpuUsage();
  const startedAt = performance.now();
  await run();
  const time = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  await new Promise((resolve) => setImmediate(resolve));
  isRunning = false;
  // This measurement itself takes CPU time while the run waits for the database.
  return { turn, cpu: (user + system) / 1000, time };
}

/** Creates entities with ten columns, two indexes and a foreign key. */
function entities(count) {
  return Array.from({ length: count }, (_, index) => {
    const columns = Object.fromEntries(
      Array.from({ length: 9 }, (_, column) => [`c${column}`, { type: 'varchar', nullable: true }]),
    );
    const previous = { type: 'many-to-one', target: `t${index - 1}`, joinColumn: true, nullable: true };
    return new EntitySchema({
      name: `t${index}`,
      columns: { id: { type: 'int', primary: true }, ...columns },
      indices: [{ columns: ['c0'] }, { columns: ['c1', 'c2'] }],
      relations: index === 0 ? {} : { previous },
    });
  });
}
