import { randomBytes } from 'node:crypto';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { inject } from 'vitest';

/** A database of a test's own on a real server. */
export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  /** Runs statements as the server's administrator, in this database. */
  run(...statements: string[]): Promise<unknown[]>;
  /** A URL for another role. */
  as(user: string, password?: string): string;
  drop(): Promise<void>;
}

const postgresUrl = inject('postgresUrl');
const mariadbUrl = inject('mariadbUrl');
const mysqlUrl = inject('mysqlUrl');

export const hasMariadb = mariadbUrl !== undefined;

/** A server on which tests make their databases. */
export interface TestServer {
  readonly name: string;
  /** Of the options of a DataSource. */
  readonly type: string;
  readonly available: boolean;
  create(): Promise<TestDatabase>;
}

export const POSTGRES = {
  name: 'PostgreSQL',
  type: 'postgres',
  available: true,
  create: createPostgres,
} as const;
export const MARIADB = {
  name: 'MariaDB',
  type: 'mariadb',
  available: hasMariadb,
  create: createMariadb,
} as const;
const MYSQL = {
  name: 'MySQL',
  type: 'mysql',
  available: mysqlUrl !== undefined,
  create: createMysql,
} as const;

/** MariaDB and MySQL, for what must hold on both. */
export const MYSQL_SERVERS = [MARIADB, MYSQL] as const;

export function uniqueName(start = 'npm'): string {
  return `${start}_${randomBytes(6).toString('hex')}`;
}

export async function createPostgres(): Promise<TestDatabase> {
  if (postgresUrl === undefined) throw new Error('No PostgreSQL server');
  const name = uniqueName();
  await postgres(postgresUrl, `CREATE DATABASE ${name}`);
  const url = withPath(postgresUrl, name);
  return {
    url,
    name,
    run: (...statements) => postgres(url, ...statements),
    as: (user, password) => withUser(url, user, password),
    drop: async () => void (await postgres(postgresUrl, `DROP DATABASE ${name} WITH (FORCE)`)),
  };
}

/**
 * A database with a role that has the password `reader` and no right to read yet. `drop()` drops the role, too.
 */
export async function createPostgresWithReader(role: string): Promise<TestDatabase> {
  const database = await createPostgres();
  await database.run(`CREATE ROLE ${role} LOGIN PASSWORD 'reader'`);
  return {
    ...database,
    drop: async () => {
      await database.run(`DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
      await database.drop();
    },
  };
}

export function createMariadb(): Promise<TestDatabase> {
  if (mariadbUrl === undefined) throw new Error('No MariaDB server');
  return createOn(mariadbUrl);
}

export function createMysql(): Promise<TestDatabase> {
  if (mysqlUrl === undefined) throw new Error('No MySQL server');
  return createOn(mysqlUrl);
}

async function createOn(server: string): Promise<TestDatabase> {
  const name = uniqueName();
  await mysql(server, `CREATE DATABASE ${name}`);
  const url = withPath(server, name);
  return {
    url,
    name,
    run: (...statements) => mysql(url, ...statements),
    as: (user, password) => withUser(url, user, password),
    drop: async () => void (await mysql(server, `DROP DATABASE ${name}`)),
  };
}

async function postgres(url: string, ...statements: string[]): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    let rows: unknown[] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}

async function mysql(url: string, ...statements: string[]): Promise<unknown[]> {
  const connection = await createConnection(url);
  try {
    let rows: unknown = [];
    for (const statement of statements) [rows] = await connection.query(statement);
    return rows as unknown[];
  } finally {
    await connection.end();
  }
}

function withPath(url: string, path: string): string {
  const changed = new URL(url);
  changed.pathname = `/${path}`;
  return changed.href;
}

function withUser(url: string, user: string, password = ''): string {
  const changed = new URL(url);
  changed.username = user;
  changed.password = password;
  return changed.href;
}
