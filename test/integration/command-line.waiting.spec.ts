import { copyFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { command } from '../support/command';
import { createPostgres, MARIADB, POSTGRES, type TestDatabase, uniqueName } from '../support/databases';
import { MIGRATIONS, Project } from '../support/project';
import { parseReport } from '../support/report-schema';
import { silentServer } from '../support/silent-server';
import { TcpProxy } from '../support/tcp-proxy';

/** Far longer than any test: whoever waits for its end does not end in time. */
const LONG = ['--wait', '600'];
const PATIENCE = { timeout: 60_000 };

let project: Project;
beforeEach(() => {
  project = new Project();
});
afterEach(() => project.remove());

/** Calls back once, when there is that text. */
function once(text: string, then: () => void): (told: string) => void {
  let isTold = false;
  return (told) => {
    if (isTold || !told.includes(text)) return;
    isTold = true;
    then();
  };
}

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');

describe('--wait', PATIENCE, () => {
  it('ends with 0 as soon as somebody has applied the migrations, and tells of each change', async () => {
    const file = project.dataSource('data-source.js');
    const apply = (name: string | undefined) => {
      const database = new Database(`${file}.sqlite`);
      database.prepare('INSERT INTO migrations (timestamp, name) VALUES (1, ?)').run(name);
      database.close();
    };
    const first = once('has 2 unapplied', () => apply(MIGRATIONS[0]));
    const second = once('has 1 unapplied', () => apply(MIGRATIONS[1]));
    const { code, stdout, stderr } = await command(['check', '-d', file, ...LONG], (told) => {
      first(told);
      second(told);
    });
    expect(code).toBe(0);
    expect(stdout).toContain('yes');
    expect(linesOf(stderr)).toEqual([
      expect.stringMatching(/^Waiting for migrations to be applied, 600 s left: default has 2 unapplied\.$/),
      expect.stringMatching(
        /^Waiting for migrations to be applied, 5\d\d s left: default has 1 unapplied\.$/,
      ),
      expect.stringMatching(/^All migrations are applied, after \d+\.\d s\.$/),
    ]);
  });

  it('says nothing if there is nothing to wait for', async () => {
    const file = project.dataSource('data-source.js', { applied: MIGRATIONS });
    expect(await command(['check', '-d', file, ...LONG])).toMatchObject({ code: 0, stderr: '' });
  });

  it('ends with 1 when its time is over', async () => {
    const file = project.dataSource('data-source.js');
    const { code, stdout } = await command(['check', '-d', file, '--json', '--wait', '0.1']);
    expect(parseReport(stdout)).toMatchObject({ status: 'unapplied' });
    expect(code).toBe(1);
  });

  it('waits for what --fail-on names, and for nothing else', async () => {
    const file = project.dataSource('data-source.js');
    expect(await command(['check', '-d', file, '--fail-on', 'unknown', ...LONG])).toMatchObject({
      code: 0,
      stderr: '',
    });
  });

  it.each([
    { failOn: 'unknown', defined: MIGRATIONS.slice(0, 1) },
    { failOn: 'unapplied,unknown', defined: ['Other1700000000009'] },
    { failOn: 'no-migrations', defined: [] },
  ])('ends at once if applying the migrations would not help: $failOn', async ({ failOn, defined }) => {
    const file = project.dataSource('data-source.js', { applied: MIGRATIONS, defined });
    const { code, stderr } = await command(['check', '-d', file, '--fail-on', failOn, ...LONG]);
    expect(stderr).not.toContain('Waiting for migrations');
    expect(code).toBe(1);
  });

  it('outlasts a SQLite file that does not exist yet, though its DataSource synchronizes', async () => {
    const made = project.dataSource('made.js', { applied: MIGRATIONS });
    const connection = `type: 'better-sqlite3', database: '${project.path('late.sqlite')}'`;
    const file = project.dataSource('data-source.js', { connection, options: 'synchronize: true' });
    const appear = once('cannot be read (unreachable)', () =>
      copyFileSync(`${made}.sqlite`, project.path('late.sqlite')),
    );
    expect(await command(['check', '-d', file, ...LONG], appear)).toMatchObject({ code: 0 });
  });

  it('ends at once if TypeORM would refuse to run the migrations', async () => {
    const file = project.dataSource('data-source.js', { defined: ['NoTimestamp'] });
    const { code, stdout, stderr } = await command(['check', '-d', file, '--json', ...LONG]);
    expect(parseReport(stdout).connections).toMatchObject([{ reason: 'invalid_migrations' }]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
  });
});

const SERVERS = [
  { ...POSTGRES, port: 5432, id: 'serial' },
  { ...MARIADB, port: 3306, id: 'int AUTO_INCREMENT' },
] as const;

describe.each(SERVERS.filter(({ available }) => available))(
  'on $type',
  PATIENCE,
  ({ type, port, create, id }) => {
    let database: TestDatabase;
    let proxy: TcpProxy;

    beforeEach(async () => {
      database = await create();
      await database.run(
        `CREATE TABLE migrations (id ${id} PRIMARY KEY, timestamp bigint NOT NULL, name varchar(100) NOT NULL)`,
        ...MIGRATIONS.map((name) => `INSERT INTO migrations (timestamp, name) VALUES (1, '${name}')`),
      );
      proxy = await TcpProxy.before(database.url, port);
    });
    afterEach(async () => {
      await proxy.close();
      await database.drop();
    });

    const write = (url: string): string =>
      project.dataSource('data-source.js', { connection: `type: '${type}', url: '${url}'` });

    it.each([
      ['refuses connections', 'refuse', 'unreachable'],
      ['cuts connections', 'cut', 'unreachable'],
      ['does not answer', 'stall', 'timeout'],
    ] as const)('outlasts a database that %s at first', async (_what, fault, reason) => {
      proxy.set(fault);
      const { code, stderr } = await command(
        ['check', '-d', write(proxy.url(database.url)), '--timeout', '2000', ...LONG],
        once(`cannot be read (${reason})`, () => proxy.set('none')),
      );
      expect(stderr).toContain('All migrations are applied');
      expect(code).toBe(0);
    });

    it('ends at once if the database refuses the user', async () => {
      const { code, stdout, stderr } = await command([
        'check',
        '-d',
        write(database.as(uniqueName(), 'hunter2')),
        ...LONG,
      ]);
      expect(stdout).toContain('default could not be read: denied');
      expect(stdout).not.toContain('hunter2');
      expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    });

    it('ends at once if the user may not read the table', async () => {
      const role = uniqueName();
      const isPostgres = type === 'postgres';
      await database.run(
        isPostgres
          ? `CREATE ROLE ${role} LOGIN PASSWORD 'hunter2'`
          : `CREATE USER ${role}@'%' IDENTIFIED BY 'hunter2'`,
        isPostgres ? 'SELECT 1' : `GRANT INSERT ON migrations TO ${role}@'%'`,
      );
      try {
        const { code, stdout, stderr } = await command([
          'check',
          '-d',
          write(database.as(role, 'hunter2')),
          '--json',
          ...LONG,
        ]);
        expect(parseReport(stdout).connections).toMatchObject([{ reason: 'denied' }]);
        expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
      } finally {
        await database.run(isPostgres ? `DROP ROLE ${role}` : `DROP USER ${role}@'%'`);
      }
    });

    it('gives up after --timeout on a database that does not answer', async () => {
      proxy.set('stall');
      const startedAt = performance.now();
      const { code, stdout } = await command([
        'check',
        '-d',
        write(proxy.url(database.url)),
        '--json',
        '--timeout',
        '300',
      ]);
      expect(parseReport(stdout).connections).toMatchObject([{ reason: 'timeout' }]);
      expect(code).toBe(2);
      // The driver's own limit is 10 s, or none.
      expect(performance.now() - startedAt).toBeLessThan(8000);
    });

    it('leaves no connection behind', async () => {
      await command(['check', '-d', write(database.url)]);
      const others =
        type === 'postgres'
          ? 'SELECT count(*)::int AS open FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()'
          : 'SELECT count(*) AS open FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()';
      // Before the driver would close it by itself.
      await expect.poll(() => database.run(others), { timeout: 6000 }).toEqual([{ open: 0 }]);
    });

    it('of many tries to connect, few are open at a time', async () => {
      const server = await silentServer();
      try {
        const url = `${type}://root:hunter2@127.0.0.1:${server.port}/x`;
        let most = 0;
        const watch = setInterval(() => (most = Math.max(most, server.open.size)), 20);
        await command(['check', '-d', write(url), '--timeout', '100', '--wait', '8']);
        clearInterval(watch);
        expect(server.accepted).toBeGreaterThan(3);
        expect(most).toBeLessThanOrEqual(3);
      } finally {
        await server.close();
      }
    });
  },
);

it('gives up after --timeout on a table that is locked', PATIENCE, async () => {
  const database = await createPostgres();
  const locker = new Client({ connectionString: database.url });
  await database.run(
    'CREATE TABLE migrations (id serial PRIMARY KEY, timestamp bigint NOT NULL, name varchar NOT NULL)',
  );
  await locker.connect();
  try {
    await locker.query('BEGIN');
    await locker.query('LOCK TABLE migrations IN ACCESS EXCLUSIVE MODE');
    const file = project.dataSource('data-source.js', {
      connection: `type: 'postgres', url: '${database.url}'`,
    });
    const { code, stdout } = await command(['check', '-d', file, '--timeout', '500']);
    expect(stdout).toContain('default could not be read: timeout');
    expect(code).toBe(2);
  } finally {
    await locker.end();
    await database.drop();
  }
});
