import { connect, type Socket } from 'node:net';
import type { TypeOrmModuleOptions } from '@nestjs/typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApplicationProcess, type End } from '../support/application-process';
import { COMPILE_MS, type CompiledFixture, compileFixture } from '../support/compiled';
import type { TestDatabase } from '../support/databases';
import { readingsOf } from '../support/exposition';
import { TcpProxy } from '../support/tcp-proxy';
import { type Dialect, DRIVERS, lockTable, migrate, migrations, waitingFor, WELL } from './faults';

/** ms that the module may add to a shutdown. */
const MOST_ADDED = 1000;
/** ms after which a process that does not end is killed. */
const PATIENCE = 3000;
/** ms; of the module. */
const TIMEOUT = 300;
/** ms; of the module, where a scrape is to be under way still when the application shuts down. */
const LONG_TIMEOUT = 30_000;

const WAYS = ['close', 'SIGTERM'] as const;

interface Place {
  readonly dialect: Dialect;
  readonly server: TestDatabase;
  /** Of every application. */
  readonly proxies: readonly TcpProxy[];
}

/** What an application meets when it shuts down. */
interface Obstacle {
  readonly name: string;
  /** Connections of the pool that the application holds until it shuts down. */
  readonly held?: number;
  readonly options?: Partial<TypeOrmModuleOptions>;
  /** ms; of the module. */
  readonly timeout?: number;
  begin?(place: Place): unknown;
  /** What the application with the module meets beyond that. */
  beset(application: ApplicationProcess, place: Place): Promise<unknown>;
}

/** What keeps an application from reading its migrations, found by a scrape. */
async function scrapeFails({ url }: ApplicationProcess): Promise<void> {
  expect(readingsOf(await metricsOf(url + '/metrics'), 'default')).toMatchObject({ collection_success: 0 });
}

async function scrapeReads({ url }: ApplicationProcess): Promise<void> {
  expect(readingsOf(await metricsOf(url + '/metrics'), 'default')).toMatchObject(WELL);
}

async function metricsOf(url: string): Promise<string> {
  const response = await fetch(url);
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return text;
}

let unlock: (() => Promise<void>) | undefined;
const lock = async ({ dialect, server }: Place) => (unlock = await lockTable(dialect, server));

const sockets: Socket[] = [];
const inFlight: Promise<unknown>[] = [];

/** A client of the metrics' own port that writes something, and then nothing any more. */
async function addClient({ ownUrl }: ApplicationProcess, text: string): Promise<void> {
  const { hostname, port } = new URL(ownUrl);
  const socket = connect(Number(port), hostname).on('error', () => {});
  sockets.push(socket);
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  if (text !== '') await new Promise<void>((resolve) => socket.write(text, () => resolve()));
}

const HALF_A_REQUEST = 'GET /metrics HTTP/1.1\r\nHost: ';

const OBSTACLES: readonly Obstacle[] = [
  { name: 'nothing', beset: scrapeReads },
  { name: 'migrations table locked', begin: lock, beset: scrapeFails },
  {
    name: 'server silent on an open connection',
    begin: ({ proxies }) => proxies.forEach((proxy) => proxy.set('stall')),
    beset: scrapeFails,
  },
  {
    name: 'server silent to a new connection',
    begin({ proxies }) {
      for (const proxy of proxies) proxy.set('cut');
      for (const proxy of proxies) proxy.set('stall');
    },
    beset: scrapeFails,
  },
  {
    name: 'connections refused',
    begin: ({ proxies }) => proxies.forEach((proxy) => proxy.set('refuse')),
    beset: scrapeFails,
  },
  { name: 'pool held by the application', held: 1, options: { poolSize: 1 }, beset: scrapeFails },
  {
    name: 'scrapes under way, table locked',
    timeout: LONG_TIMEOUT,
    begin: lock,
    async beset({ url, ownUrl }, { dialect, server }) {
      const before = await waitingFor(dialect, server);
      inFlight.push(metricsOf(url + '/metrics'), metricsOf(ownUrl));
      await expect.poll(() => waitingFor(dialect, server)).toBe(before + 1);
    },
  },
  {
    name: 'half a request and a silent client on the own port',
    async beset(application) {
      await addClient(application, '');
      await addClient(application, HALF_A_REQUEST);
      await addClient(application, `GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n${HALF_A_REQUEST}`);
      await metricsOf(application.ownUrl);
    },
  },
];

const rows = [['obstacle', 'database', 'way', 'without the module, ms', 'with it, ms'], Array(5).fill('---')];
const shown = ({ ms }: End) => ms?.toFixed(0) ?? `not within ${PATIENCE}`;

let fixture: CompiledFixture;
beforeAll(async () => {
  fixture = await compileFixture('test/faults/application.fixture');
}, COMPILE_MS);
afterAll(async () => {
  await fixture.remove();
  console.log(['Shutdown:', '', ...rows.map((cells) => `| ${cells.join(' | ')} |`)].join('\n'));
});

describe.each(DRIVERS)('shutdown on $name', (dialect) => {
  let server: TestDatabase;
  let applications: ApplicationProcess[] = [];
  const proxies: TcpProxy[] = [];

  beforeAll(async () => {
    if (!dialect.available) return;
    server = await dialect.create();
    await migrate(dialect, server);
  });
  afterAll(async () => {
    if (dialect.available) await server.drop();
  });
  beforeEach(() => {
    applications = [];
  });
  afterEach(async () => {
    for (const application of applications) application.kill();
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const proxy of proxies.splice(0)) await proxy.close();
    await unlock?.();
    unlock = undefined;
    await Promise.allSettled(inFlight.splice(0));
  });

  async function start(withModule: boolean, { held = 0, options = {}, timeout = TIMEOUT }: Obstacle) {
    const proxy = await TcpProxy.before(server.url, dialect.port);
    proxies.push(proxy);
    const application = await ApplicationProcess.start(fixture, {
      connection: { type: dialect.type, url: proxy.url(server.url), ...options } as TypeOrmModuleOptions,
      migrations: migrations.length,
      held,
      ...(withModule && { module: { maxAge: 0, port: 0, timeout } }),
    });
    applications.push(application);
    return application;
  }

  it.skipIf(!dialect.available).each(OBSTACLES.map((obstacle) => [obstacle.name, obstacle] as const))(
    'the module adds little to it: %s',
    { timeout: 60_000 },
    async (name, obstacle) => {
      const [without, ...withModule] = await Promise.all([
        start(false, obstacle),
        ...WAYS.map(() => start(true, obstacle)),
      ]);
      const place: Place = { dialect, server, proxies };
      await obstacle.begin?.(place);
      for (const application of withModule) await obstacle.beset(application, place);

      const [baseline, ...ends] = await Promise.all([
        without.end('close', PATIENCE),
        ...WAYS.map((way, index) => withModule[index]!.end(way, PATIENCE)),
      ]);
      WAYS.forEach((way, index) => {
        const end = ends[index]!;
        rows.push([name, dialect.name, way, shown(baseline), shown(end)]);
        expect(withModule[index]?.errors).toBe('');
        expect(end).toMatchObject(way === 'close' ? { code: 0, signal: null } : { code: null, signal: way });
        expect(end.ms).toBeLessThan((baseline.ms ?? 0) + MOST_ADDED);
      });
      // A scrape that was under way is answered.
      for (const scrape of inFlight) await scrape;
    },
  );
});
