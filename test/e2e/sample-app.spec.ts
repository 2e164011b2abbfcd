import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createMariadb, createPostgres, hasMariadb, type TestDatabase } from '../support/databases';
import { readingsOf, samples } from '../support/exposition';
import { parseReport } from '../support/report-schema';
import {
  buildSample,
  type LaunchedSample,
  type RunningSample,
  type Sample,
  SAMPLE_BUILD_MS,
  SAMPLE_START_MS,
} from '../support/sample-app';

const POLL = { timeout: 10_000, interval: 200 };

let sample: Sample;

beforeAll(async () => {
  sample = await buildSample();
}, SAMPLE_BUILD_MS);

afterAll(async () => {
  await sample.remove();
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
  let app: RunningSample;
  const launched: LaunchedSample[] = [];

  async function startSample(): Promise<void> {
    app = await sample.start(environment);
    launched.push(app);
  }

  beforeAll(async () => {
    environment = {
      ...(await databaseUrls()),
      SAMPLE_DATA_DIR: join(sample.folder, `data-${drivers.default}`),
    };
    await startSample();
  }, SAMPLE_START_MS);

  afterAll(async () => {
    for (const { process } of launched) process.kill('SIGKILL');
    await Promise.all(launched.map(({ exit }) => exit));
  });

  function migrate(...args: string[]): Promise<string[]> {
    return sample.migrate(environment, ...args);
  }

  it('tells where to look', () => {
    expect(app.output()).toContain(`curl ${app.url}/orders`);
    expect(app.output()).toContain(`curl ${app.url}/metrics`);
    expect(app.output()).toContain(`curl -i ${app.url}/readyz`);
    expect(app.output()).toContain(`${app.url}/internal/migrations`);
    expect(app.output()).toContain('ORDERS_WAIT=1 npm start');
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

  it('is not ready before the last migrations', async () => {
    expect(await get(`${app.url}/readyz`)).toMatchObject({
      status: 503,
      body: { migrations: { status: 'down', connections: { default: { unapplied: 2 } } } },
    });
  });

  it('names on its status page what is left to apply', async () => {
    const json = await (await fetch(`${app.url}/internal/migrations`)).text();
    const page = await fetch(`${app.url}/internal/migrations`, { headers: { accept: 'text/html' } });

    expect(unappliedIn(json)).toEqual({
      default: ['IndexOrderCustomers1767398400000', 'CreateShipments1767484800000'],
      user_data: ['AddCustomerEmail1767398400000'],
      cache_db: [],
    });
    expect(await page.text()).toContain('<li>CreateShipments1767484800000</li>');
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

  it('is ready after the last migrations', async () => {
    await expect
      .poll(async () => get(`${app.url}/readyz`), POLL)
      .toMatchObject({ status: 200, body: { migrations: { status: 'up' } } });
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

  it('stays ready, and shows on its status page what is left to apply again', async () => {
    expect(await get(`${app.url}/readyz`)).toMatchObject({ status: 200 });
    await expect
      .poll(async () => unappliedIn(await (await fetch(`${app.url}/internal/migrations`)).text()), POLL)
      .toEqual({
        default: ['CreateShipments1767484800000'],
        user_data: ['AddCustomerEmail1767398400000'],
        cache_db: [],
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
    expect(await get(`${app.url}/readyz`)).toMatchObject({ status: 503 });
  });

  it(
    'waits with ORDERS_WAIT=1 until another process has migrated',
    async () => {
      const waiting = sample.launch({ ...environment, ORDERS_WAIT: '1' });
      launched.push(waiting);
      await expect
        .poll(() => waiting.output(), { ...POLL, timeout: SAMPLE_START_MS })
        .toContain('default has 1 unapplied, user_data has 1 unapplied');
      expect(waiting.output()).toContain('In a second terminal: npm run sample:migrate');
      expect(waiting.output()).not.toContain('runs at');

      await migrate();

      const url = await waiting.started;
      expect(waiting.output()).toContain('All migrations are applied, after');
      expect(await get(`${url}/readyz`)).toMatchObject({ status: 200 });
    },
    SAMPLE_START_MS,
  );
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

/** The names that a report lists as unapplied, by connection. */
function unappliedIn(json: string): Record<string, unknown> {
  return Object.fromEntries(
    parseReport(json).connections.map(({ connection, unapplied }) => [connection, unapplied]),
  );
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
