import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createMariadb, createPostgres, hasMariadb, type TestDatabase } from '../support/databases';
import { readingsOf, samples } from '../support/exposition';

const run = promisify(execFile);
const PROJECT = join(__dirname, '../..');
const SAMPLE = ['lib', 'sample-app', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];
const COMPILE_MS = 120_000;
const START_MS = 30_000;
const POLL = { timeout: 10_000, interval: 200 };

let build: string;

/** A copy of the package, compiled: the sample imports it by name, and the project's dist stays as it is. */
beforeAll(async () => {
  build = await mkdtemp(join(tmpdir(), 'sample-app-'));
  const filter = (path: string) => !path.endsWith('.data');
  for (const part of SAMPLE) await cp(join(PROJECT, part), join(build, part), { recursive: true, filter });
  await symlink(join(PROJECT, 'node_modules'), join(build, 'node_modules'), 'junction');
  const tsc = join(PROJECT, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: build });
}, COMPILE_MS);

afterAll(async () => {
  await rm(build, { recursive: true, force: true });
});

describe('the sample application on SQLite', () => {
  tellsStory({ default: 'better-sqlite3', user_data: 'better-sqlite3' }, async () => ({}));
});

describe.skipIf(inject('postgresUrl') === undefined || !hasMariadb)(
  'the sample application on PostgreSQL and MariaDB',
  () => {
    const databases: TestDatabase[] = [];

    // Declared before the story's own, so that it runs after the application has been stopped.
    afterAll(async () => {
      for (const database of databases) await database.drop();
    });

    tellsStory({ default: 'postgres', user_data: 'mysql' }, async () => {
      const postgres = await createPostgres();
      databases.push(postgres);
      const mariadb = await createMariadb();
      databases.push(mariadb);
      return { DATABASE_URL: postgres.url, USER_DATA_URL: mariadb.url };
    });
  },
);

/** What a newcomer does, step by step; each test goes on where the one before it ended. */
function tellsStory(
  drivers: { default: string; user_data: string },
  databaseUrls: () => Promise<NodeJS.ProcessEnv>,
): void {
  let environment: NodeJS.ProcessEnv;
  let app: Application;
  const started: Application[] = [];

  async function startSample(): Promise<void> {
    app = await start(environment);
    started.push(app);
  }

  beforeAll(async () => {
    environment = {
      ...process.env,
      DATABASE_URL: '',
      USER_DATA_URL: '',
      ...(await databaseUrls()),
      PORT: '0',
      NO_COLOR: '1',
      SAMPLE_DATA_DIR: join(build, `data-${drivers.default}`),
    };
    await startSample();
  }, START_MS);

  afterAll(async () => {
    for (const { process } of started) process.kill('SIGKILL');
    await Promise.all(started.map(({ exit }) => exit));
  });

  async function migrate(...args: string[]): Promise<string[]> {
    const command = ['dist/sample-app/migrate.js', ...args];
    const { stdout } = await run(process.execPath, command, { cwd: build, env: environment });
    return stdout.trim().split('\n');
  }

  it('tells where to look', () => {
    expect(app.output()).toContain(`curl ${app.url}/orders`);
    expect(app.output()).toContain(`curl ${app.url}/metrics`);
    expect(app.output()).toContain('npm run sample:migrate');
  });

  it('starts with migrations left to apply', async () => {
    const metrics = await scrape(app.url);

    expect(figures(metrics)).toEqual({
      default: { applied: 2, unapplied: 2 },
      user_data: { applied: 2, unapplied: 1 },
      cache_db: { applied: 2, unapplied: 0 },
    });
    expect(databasesIn(metrics)).toEqual({ ...drivers, cache_db: 'better-sqlite3' });
  });

  it('takes orders before the last migrations', async () => {
    const tea = { customer: 'Ada', product: 'Tea', quantity: 2 };

    const created = await post(app.url, tea);

    expect(created).toEqual({ status: 201, body: { id: 1, ...tea } });
    expect(await get(`${app.url}/orders/1`)).toEqual({ status: 200, body: { id: 1, ...tea } });
  });

  it('refuses what is not an order', async () => {
    expect(await post(app.url, { customer: 'Ada', product: ' ' })).toMatchObject({ status: 400 });
    expect(await post(app.url, { customer: 'Ada', product: 'Tea', quantity: 0.5 })).toMatchObject({
      status: 400,
    });
    expect(await get(`${app.url}/orders/one`)).toMatchObject({ status: 400 });
    expect(await get(`${app.url}/orders/7`)).toMatchObject({ status: 404 });
  });

  it('shows at the next scrape what another process has migrated', async () => {
    expect(await migrate()).toEqual([
      'default: applied IndexOrderCustomers1767398400000',
      'default: applied CreateShipments1767484800000',
      'user_data: applied AddCustomerEmail1767398400000',
      'cache_db: nothing is pending',
    ]);

    await expect
      .poll(async () => figures(await scrape(app.url)), POLL)
      .toEqual({
        default: { applied: 4, unapplied: 0 },
        user_data: { applied: 3, unapplied: 0 },
        cache_db: { applied: 2, unapplied: 0 },
      });
  });

  it('takes orders after the last migrations, with those of before still there', async () => {
    await post(app.url, { customer: 'Ada', product: 'Milk' });

    expect(await get(`${app.url}/orders`)).toEqual({
      status: 200,
      body: [
        { id: 2, customer: 'Ada', product: 'Milk', quantity: 1 },
        { id: 1, customer: 'Ada', product: 'Tea', quantity: 2 },
      ],
    });
  });

  it('answers the summary from the cache until it expires', async () => {
    const first = await get(`${app.url}/orders/summary`);
    await post(app.url, { customer: 'Bob', product: 'Cake' });

    expect(first).toEqual({ status: 200, body: { orders: 2, pieces: 3 } });
    expect(await get(`${app.url}/orders/summary`)).toEqual(first);
  });

  it('has nothing to apply twice', async () => {
    expect(await migrate()).toEqual([
      'default: nothing is pending',
      'user_data: nothing is pending',
      'cache_db: nothing is pending',
    ]);
  });

  it('shows what another process has reverted', async () => {
    expect(await migrate('revert')).toEqual(['default: reverted CreateShipments1767484800000']);
    expect(await migrate('revert', 'user_data')).toEqual([
      'user_data: reverted AddCustomerEmail1767398400000',
    ]);

    await expect
      .poll(async () => figures(await scrape(app.url)), POLL)
      .toEqual({
        default: { applied: 3, unapplied: 1 },
        user_data: { applied: 2, unapplied: 1 },
        cache_db: { applied: 2, unapplied: 0 },
      });
  });

  it('shuts down on SIGTERM', async () => {
    app.process.kill('SIGTERM');

    // Nest closes the application and then lets the signal have its way.
    expect(await app.exit).toEqual({ code: null, signal: 'SIGTERM' });
    expect(app.errors()).toBe('');
  });

  it('leaves the migrations alone at the next start', async () => {
    await startSample();

    expect(figures(await scrape(app.url))).toMatchObject({ default: { applied: 3, unapplied: 1 } });
  });
}

interface Application {
  readonly process: ChildProcess;
  readonly url: string;
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  output(): string;
  errors(): string;
}

async function start(env: NodeJS.ProcessEnv): Promise<Application> {
  const child = spawn(process.execPath, ['dist/sample-app/main.js'], {
    cwd: build,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const exit: Application['exit'] = new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => {
      child.kill('SIGKILL');
      reject(new Error(`The sample application ${why}:\n${output}${errors}`));
    };
    const timer = setTimeout(() => fail('did not start in time'), START_MS - 5_000);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      // Up to the last line that it prints: the chunks may come in pieces.
      const found = /runs at (http:\S+)[^]*sample:migrate/.exec(output)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    });
    void exit.then(() => {
      clearTimeout(timer);
      fail('ended');
    });
  });
  return { process: child, url, exit, output: () => output, errors: () => errors };
}

async function scrape(url: string): Promise<string> {
  const response = await fetch(`${url}/metrics`);
  expect(response.status).toBe(200);
  return response.text();
}

interface Figures {
  applied: number | undefined;
  unapplied: number | undefined;
}

function figures(metrics: string): Record<string, Figures> {
  return Object.fromEntries(
    ['default', 'user_data', 'cache_db'].map((connection) => {
      const { applied_total, unapplied_total } = readingsOf(metrics, connection);
      return [connection, { applied: applied_total, unapplied: unapplied_total }];
    }),
  );
}

/** The drivers that the series of `typeorm_migrations_info` name, by connection. */
function databasesIn(metrics: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const series of samples(metrics).keys()) {
    const match = /_info{connection="(\w+)",database="([\w-]+)"/.exec(series);
    if (match?.[1] !== undefined && match[2] !== undefined) found[match[1]] = match[2];
  }
  return found;
}

interface Answer {
  status: number;
  body: unknown;
}

async function get(url: string): Promise<Answer> {
  const response = await fetch(url);
  return { status: response.status, body: await response.json() };
}

async function post(url: string, order: object): Promise<Answer> {
  const response = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(order),
  });
  return { status: response.status, body: await response.json() };
}
