import { resolve } from 'node:path';
import type { DataSource } from 'typeorm';

/** Finds pairs of aliases that export the same migrations table; the second one is redundant. */
export function sameDatabases(named: ReadonlyMap<string, DataSource>): [first: string, second: string][] {
  const seen = new Map<string, { alias: string; dataSource: DataSource }>();
  const pairs: [string, string][] = [];
  for (const [alias, dataSource] of named) {
    const place = placeOf(dataSource);
    if (place === undefined) continue;
    const first = seen.get(place);
    if (first === undefined) seen.set(place, { alias, dataSource });
    else if (first.dataSource !== dataSource) {
      pairs.push(alias === 'default' ? [alias, first.alias] : [first.alias, alias]);
    }
  }
  return pairs;
}

interface ConnectionOptions {
  type?: string;
  url?: string;
  host?: string;
  port?: number;
  database?: unknown;
  schema?: string;
  migrationsTableName?: string;
  replication?: { master?: ConnectionOptions };
}

/** Identifies a DataSource's migrations table; `undefined` if its options do not say where it is. */
function placeOf(dataSource: DataSource): string | undefined {
  try {
    const options = dataSource.options as ConnectionOptions;
    const { url, host, port, database } = options.replication?.master ?? options;
    const parsed = url === undefined ? undefined : new URL(url);
    const name = decodeURIComponent(parsed?.pathname.slice(1) ?? '') || database;
    if (typeof name !== 'string' || name === '' || name.startsWith(':memory:')) return undefined;
    const type = TYPES[options.type ?? ''] ?? options.type ?? '';
    const server = (parsed?.hostname || host || 'localhost').toLowerCase();
    return JSON.stringify([
      type,
      LOOPBACK.has(server) ? 'localhost' : server,
      Number(parsed?.port) || port || DEFAULT_PORTS[type],
      type.includes('sqlite') ? resolve(name) : name,
      options.schema,
      options.migrationsTableName ?? 'migrations',
    ]);
  } catch {
    return undefined;
  }
}

/** Both types can connect to the same server. */
const TYPES: Readonly<Record<string, string>> = { mariadb: 'mysql' };
const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1', '[::1]']);

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  postgres: 5432,
  mysql: 3306,
  mssql: 1433,
  cockroachdb: 26257,
  oracle: 1521,
  mongodb: 27017,
};
