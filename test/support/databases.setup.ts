import { userInfo } from 'node:os';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import type { TestProject } from 'vitest/node';
import { hasMysqlServer, ownMysql, ownPostgres, type OwnServer } from './own-servers';
import { hasPrometheus, PROMTOOLS } from './promtool';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A server on which tests may create databases and roles. */
    postgresUrl: string | undefined;
    mariadbUrl: string | undefined;
    mysqlUrl: string | undefined;
  }
}

interface Server {
  url: string;
  version: string;
  stop?: () => Promise<void>;
}

interface Servers {
  readonly postgres: Server;
  readonly mariadb: Server | undefined;
  readonly mysql: Server | undefined;
}

/** Vitest loads this file once for each project: they share their servers by way of the process. */
const shared = globalThis as { testServers?: { readonly found: Promise<Servers>; projects: number } };

/** Provides a project with the servers. The first one starts them, the last one stops them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = (shared.testServers ??= { found: findServers(), projects: 0 });
  servers.projects += 1;
  const { postgres, mariadb, mysql } = await servers.found;
  project.provide('postgresUrl', postgres.url);
  project.provide('mariadbUrl', mariadb?.url);
  project.provide('mysqlUrl', mysql?.url);

  return async () => {
    servers.projects -= 1;
    if (servers.projects > 0) return;
    delete shared.testServers;
    await postgres.stop?.();
    await mysql?.stop?.();
    report({ postgres, mariadb, mysql });
  };
}

/**
 * Finds the database servers: from `TEST_POSTGRES_URL` and `TEST_MARIADB_URL`, else on localhost's
 * standard ports, else (PostgreSQL only) an embedded one. With `CI=true` none of these may be missing.
 * MySQL is that of `TEST_MYSQL_URL`, else one of the program `TEST_MYSQLD`.
 */
async function findServers(): Promise<Servers> {
  const mariadb = await find('TEST_MARIADB_URL', LOCAL_MARIADB, mysqlVersion);
  if (process.env['CI'] === 'true' && mariadb === undefined) {
    throw new Error(
      'No MariaDB or MySQL server: in CI that is a failure. Start one, or set TEST_MARIADB_URL to it.',
    );
  }
  const postgres =
    (await find('TEST_POSTGRES_URL', LOCAL_POSTGRES, postgresVersion)) ??
    (await own(ownPostgres, postgresVersion));
  const mysql =
    (await find('TEST_MYSQL_URL', [], mysqlVersion)) ??
    (hasMysqlServer ? await own(ownMysql, mysqlVersion) : undefined);
  return { postgres, mariadb, mysql };
}

function report({ postgres, mariadb, mysql }: Servers): void {
  console.log(
    [
      'Databases exercised:',
      `  PostgreSQL  ${postgres.version}${postgres.stop ? ' (embedded)' : ''}`,
      `  MariaDB     ${mariadb?.version ?? 'none: its tests were skipped; set TEST_MARIADB_URL to run them'}`,
      `  MySQL       ${mysql?.version ?? 'none: its tests were skipped; set TEST_MYSQL_URL or TEST_MYSQLD to run them'}`,
      '  SQLite      better-sqlite3, sql.js',
      '  MongoDB     wire protocol only (a stand-in server)',
      hasPrometheus
        ? `Prometheus exercised: ${PROMTOOLS.map(({ version }) => version).join(', rules also on ')}`
        : "Prometheus exercised: none: its tests were skipped; install Debian's package prometheus to run them",
    ].join('\n'),
  );
}

const LOCAL_POSTGRES = ['postgres', 'postgres:postgres', userInfo().username].map(
  (user) => `postgres://${user}@127.0.0.1:5432/postgres`,
);
const LOCAL_MARIADB = ['root', 'root:root'].map((user) => `mysql://${user}@127.0.0.1:3306`);

async function find(
  variable: string,
  local: readonly string[],
  version: (url: string) => Promise<string>,
): Promise<Server | undefined> {
  const set = process.env[variable];
  if (set !== undefined && set !== '') return { url: set, version: await version(set) };
  for (const url of local) {
    try {
      return { url, version: await version(url) };
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

async function postgresVersion(url: string): Promise<string> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 3000 });
  try {
    await client.connect();
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
    return rows[0]?.server_version ?? 'unknown';
  } finally {
    await client.end();
  }
}

async function mysqlVersion(url: string): Promise<string> {
  const connection = await createConnection({ uri: url, connectTimeout: 3000 });
  try {
    const [rows] = await connection.query('SELECT version() AS version');
    return (rows as { version: string }[])[0]?.version ?? 'unknown';
  } finally {
    await connection.end();
  }
}

async function own(
  create: () => Promise<OwnServer>,
  version: (url: string) => Promise<string>,
): Promise<Server> {
  const server = await create();
  await server.start();
  return { url: server.url, version: await version(server.url), stop: () => server.remove() };
}
