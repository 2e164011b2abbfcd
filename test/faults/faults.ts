import type { TypeOrmModuleOptions } from '@nestjs/typeorm';
import { DataSource, type QueryRunner } from 'typeorm';
import { expect } from 'vitest';
import type { FailureReason } from '../../lib';
import { record } from '../support/applications';
import { createPostgres, MYSQL_SERVERS, type TestDatabase } from '../support/databases';
import { defineMigration, defineMigrations } from '../support/migrations';
import type { TcpProxy } from '../support/tcp-proxy';

export interface Dialect {
  readonly name: string;
  readonly available: boolean;
  readonly type: 'postgres' | 'mariadb' | 'mysql';
  readonly port: number;
  create(): Promise<TestDatabase>;
  createRole(role: string): string;
  dropRole(role: string): string[];
  grant(role: string): string;
  revoke(role: string): string;
  readonly lock: readonly string[];
  readonly unlock: string;
  /** Counts the statements that wait for a lock in this database, as `waiting`. */
  readonly waiting: string;
}

const PASSWORD = 'reader';

export const DIALECTS: readonly Dialect[] = [
  {
    name: 'PostgreSQL',
    available: true,
    type: 'postgres',
    port: 5432,
    create: createPostgres,
    createRole: (role) => `CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`,
    dropRole: (role) => [`DROP OWNED BY ${role}`, `DROP ROLE ${role}`],
    grant: (role) => `GRANT SELECT ON migrations TO ${role}`,
    revoke: (role) => `REVOKE SELECT ON migrations FROM ${role}`,
    lock: ['BEGIN', 'LOCK TABLE migrations IN ACCESS EXCLUSIVE MODE'],
    unlock: 'ROLLBACK',
    waiting:
      "SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
  },
  ...MYSQL_SERVERS.map((server) => ({
    ...server,
    port: 3306,
    createRole: (role: string) => `CREATE USER ${role}@'%' IDENTIFIED BY '${PASSWORD}'`,
    dropRole: (role: string) => [`DROP USER ${role}@'%'`],
    grant: (role: string) => `GRANT SELECT ON migrations TO ${role}@'%'`,
    revoke: (role: string) => `REVOKE SELECT ON migrations FROM ${role}@'%'`,
    lock: ['LOCK TABLES migrations WRITE'],
    unlock: 'UNLOCK TABLES',
    waiting:
      "SELECT count(*) AS waiting FROM information_schema.processlist WHERE db = database() AND state LIKE 'Waiting for table%'",
  })),
];

/** One of each driver, for what takes long: MariaDB stands for MySQL. */
export const DRIVERS = DIALECTS.filter(({ type }) => type !== 'mysql');

export const migrations = defineMigrations(45);

/** What the connection reads that is to fail, while it does not. */
export const WELL = {
  applied_total: 42,
  collection_success: 1,
  defined: 45,
  out_of_order: 0,
  unapplied_total: 3,
  unknown: 0,
};
/** What is not known is left out. */
const FAILED = { applied_total: -1, collection_success: 0, unapplied_total: -1 };

/** Makes the migrations table, as another process would. */
export async function migrate({ type }: Dialect, { url }: TestDatabase): Promise<void> {
  const dataSource = await new DataSource({ type, url, migrations }).initialize();
  await record(dataSource, WELL.applied_total);
  await dataSource.destroy();
}

/** Locks the migrations table, as a migration that runs does; returns a function that ends it. */
export async function lockTable(
  { type, lock, unlock }: Dialect,
  { url }: TestDatabase,
): Promise<() => Promise<void>> {
  const migrating = await new DataSource({ type, url }).initialize();
  const runner = migrating.createQueryRunner();
  for (const statement of lock) await runner.query(statement);
  return async () => {
    await runner.query(unlock);
    await runner.release();
    await migrating.destroy();
  };
}

/** How many statements wait for a lock. */
export async function waitingFor({ waiting }: Dialect, server: TestDatabase): Promise<number> {
  const [row] = (await server.run(waiting)) as { waiting: number }[];
  return Number(row?.waiting);
}

/** Where a fault happens. */
export interface Place {
  readonly dialect: Dialect;
  readonly server: TestDatabase;
  /** Between the application and the server. */
  readonly proxy: TcpProxy;
  /** Who may read the migrations table and no more. */
  readonly role: string;
}

export interface Scene extends Place {
  /** The application's, that is to fail. */
  readonly dataSource: DataSource;
}

export interface Fault {
  readonly name: string;
  /** Why the connection cannot be read; without one it can. */
  readonly reason?: FailureReason;
  readonly reads: Readonly<Record<string, number>>;
  /** Only the server makes the difference between MariaDB and MySQL: the rest is not tried on MySQL as well. */
  readonly ofServer?: true;
  /** A query is never answered: after ten time-outs a second one may be sent. */
  readonly hangs?: true;
  /** Connections of the pool that the application itself holds meanwhile. */
  readonly held?: number;
  /** ms; `timeout` of the module, where it is not to be {@link TIMEOUT}. */
  readonly timeout?: number;
  /** How many scrape at a time; more than one where a scrape takes its time. */
  readonly scrapers?: number;
  /** Of the connection that is to fail. */
  options?(place: Place): Partial<TypeOrmModuleOptions>;
  beforeStart?(place: Place): unknown;
  /** While the application runs; without it the fault is there from the start. */
  begin?(scene: Scene): unknown;
  end(scene: Scene): unknown;
}

/** Who holds what the application needs. */
let holder: QueryRunner | undefined;
/** Ends what has locked the migrations table. */
let unlock: (() => Promise<void>) | undefined;

async function hold(dataSource: DataSource): Promise<QueryRunner> {
  holder = dataSource.createQueryRunner();
  await holder.connect();
  return holder;
}

/** ms; so long that a busy machine does not make a time-out of another failure. */
export const TIMEOUT = 1000;
/** ms; a reading that hangs is given up after ten of them. */
export const HANGING_TIMEOUT = 300;

export const FAULTS: readonly Fault[] = [
  {
    name: 'database down before the start',
    reason: 'uninitialized',
    reads: FAILED,
    options: () => ({ manualInitialization: true }),
    beforeStart: ({ proxy }) => proxy.set('refuse'),
    async end({ proxy, dataSource }) {
      await expect(dataSource.initialize()).rejects.toThrow();
      proxy.set('none');
      await expect.poll(() => dataSource.initialize(), { timeout: 8000 }).toBe(dataSource);
    },
  },
  {
    name: 'database down after the start',
    ofServer: true,
    reason: 'unreachable',
    reads: FAILED,
    begin: ({ proxy }) => proxy.set('refuse'),
    end: ({ proxy }) => proxy.set('none'),
  },
  {
    name: 'black-holed connection',
    reason: 'timeout',
    reads: FAILED,
    hangs: true,
    timeout: HANGING_TIMEOUT,
    scrapers: 10,
    begin: ({ proxy }) => proxy.set('stall'),
    end: ({ proxy }) => proxy.set('none'),
  },
  {
    name: 'answer just under `timeout`',
    reads: WELL,
    timeout: 1200,
    scrapers: 50,
    begin: ({ proxy }) => (proxy.delay = 800),
    end: ({ proxy }) => (proxy.delay = 0),
  },
  {
    name: 'answer just over `timeout`',
    reason: 'timeout',
    reads: FAILED,
    timeout: 800,
    scrapers: 10,
    begin: ({ proxy }) => (proxy.delay = 1000),
    end: ({ proxy }) => (proxy.delay = 0),
  },
  {
    name: 'pool of one held by the application',
    reason: 'timeout',
    reads: FAILED,
    hangs: true,
    timeout: HANGING_TIMEOUT,
    held: 1,
    scrapers: 10,
    options: () => ({ poolSize: 1 }),
    begin: ({ dataSource }) => hold(dataSource),
    end: () => holder?.release(),
  },
  {
    name: 'DataSource destroyed, initialised again',
    reason: 'uninitialized',
    reads: FAILED,
    begin: ({ dataSource }) => dataSource.destroy(),
    end: ({ dataSource }) => dataSource.initialize(),
  },
  {
    name: 'migration class without a timestamp',
    reason: 'invalid_migrations',
    reads: FAILED,
    options: () => ({ migrations: [...migrations, defineMigration('NoTimestamp')] }),
    end: ({ dataSource }) => Object.assign(dataSource, { migrations: dataSource.migrations.slice(0, -1) }),
  },
  {
    name: 'privileges revoked',
    ofServer: true,
    reason: 'denied',
    reads: FAILED,
    options: ({ server, proxy, role }) => ({ url: proxy.url(server.as(role, PASSWORD)) }),
    begin: ({ server, dialect, role }) => server.run(dialect.revoke(role)),
    end: ({ server, dialect, role }) => server.run(dialect.grant(role)),
  },
  {
    name: 'migrations table dropped',
    ofServer: true,
    reads: { ...WELL, applied_total: 0, unapplied_total: 45 },
    begin: ({ server }) => server.run('DROP TABLE migrations'),
    end: ({ server, dialect }) => migrate(dialect, server),
  },
  {
    name: 'migrations table locked by a running migration',
    ofServer: true,
    reason: 'timeout',
    reads: FAILED,
    hangs: true,
    timeout: HANGING_TIMEOUT,
    scrapers: 10,
    async begin({ server, dialect }) {
      unlock = await lockTable(dialect, server);
    },
    end: () => unlock?.(),
  },
];
