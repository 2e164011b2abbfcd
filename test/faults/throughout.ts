import { getDataSourceToken, TypeOrmModule, type TypeOrmModuleOptions } from '@nestjs/typeorm';
import { Counter, Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PrometheusMigrationsModule } from '../../lib';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { type TestDatabase, uniqueName } from '../support/databases';
import { failuresOf, Scrapes } from '../support/scrapes';
import { TcpProxy } from '../support/tcp-proxy';
import { footprint, grownSince, poolState, QueryWatch } from '../support/waiting';
import {
  DRIVERS,
  type Dialect,
  type Fault,
  FAULTS,
  HANGING_TIMEOUT,
  migrate,
  migrations,
  type Place,
  TIMEOUT,
  WELL,
} from './faults';

/** ms that a scrape may take beyond `timeout`, where the event loop is never late. */
const MARGIN = 250;
/** During a fault. What grows with each scrape shows after a hundred as well: only `.ci/run` takes a thousand. */
const SCRAPES = Number(process.env['TEST_SCRAPES'] ?? 250);
/** ms within which what has to happen happens, on a busy machine. */
const PATIENCE = 20_000;
/** Scrapes after which everything is there that keeps being used: at least two for each scraper. */
const WARM_UP = 100;
/** Time-outs after which a reading without an answer is given up and another one begun. */
const GIVEN_UP_AFTER = 10;

const HEALTHY = {
  applied_total: 5,
  collection_success: 1,
  defined: 7,
  out_of_order: 0,
  unapplied_total: 2,
  unknown: 0,
};

/** An application with a connection that is to fail, a healthy one, and a metric of its own. */
async function start({ dialect, server, proxy }: Place, options: object, timeout: number) {
  const registry = new Registry();
  const connection: TypeOrmModuleOptions = {
    type: dialect.type,
    url: proxy.url(server.url),
    migrations,
    ...options,
  };
  const { app, logger, fetch } = await startApplication({
    imports: [
      TypeOrmModule.forRoot(connection),
      sqliteModule(migrations.slice(0, 7), { name: 'healthy', applied: 5 }),
      PrometheusMigrationsModule.forRoot({ registry, maxAge: 0, timeout }),
    ],
  });
  const dataSource = app.get<DataSource>(getDataSourceToken());
  const orders = new Counter({ name: 'orders_total', help: 'Orders', registers: [registry] });
  return {
    dataSource,
    log: logger.lines,
    queries: new QueryWatch(dataSource),
    scrapes: new Scrapes(fetch, orders, dataSource),
  };
}

type Application = Awaited<ReturnType<typeof start>>;

/** Scrapes many times during a fault, and finds that nothing has grown from then to now. */
async function scrapeThroughout(
  fault: Fault,
  timeout: number,
  { dataSource, queries, scrapes }: Application,
) {
  const { hangs = false, scrapers = 1 } = fault;
  const attemptsBefore = queries.attempts;
  const beganAt = performance.now();
  await scrapes.many(WARM_UP, scrapers);
  const attempts = () => queries.attempts - attemptsBefore;
  if (hangs) {
    // Till the first reading is abandoned: from then on nothing may change any more.
    if (performance.now() - beganAt < GIVEN_UP_AFTER * timeout) expect(attempts()).toBe(1);
    const abandoned = { timeout: GIVEN_UP_AFTER * timeout + PATIENCE };
    await expect.poll(() => scrapes.one().then(attempts), abandoned).toBe(2);
    await scrapes.many(WARM_UP, scrapers);
  }
  // A connection that is lent out has no timer, an idle one has: both measurements see it idle.
  if (!hangs) await expect.poll(() => queries.outstanding, { timeout: PATIENCE }).toBe(0);
  const measure = () => ({ ...footprint(dataSource), lines: scrapes.text.split('\n').length });
  const before = measure();
  // For so long that the second would be given up as well, and a third begun.
  const until = hangs ? queries.lastSentAt + (GIVEN_UP_AFTER + 1) * timeout : 0;
  await scrapes.many(SCRAPES, scrapers, until);
  expect(await grownSince(before, measure)).toEqual({});
  if (hangs) expect(attempts()).toBe(2);
}

const READ = `${WELL.applied_total} applied, ${WELL.unapplied_total} unapplied`;
const READ_HEALTHY = 'log healthy: migrations: 5 applied, 2 unapplied';

function expectedLog({ reason, begin }: Pick<Fault, 'reason' | 'begin'>): string[] {
  const fall = expect.stringMatching(
    new RegExp(`^warn default: migrations could not be read \\(${reason}\\b.+Metrics report -1 until`, 's'),
  ) as string;
  const recovery = `log default: migrations readable again: ${READ}`;
  if (begin === undefined) return [fall, READ_HEALTHY, recovery];
  return [
    `log default: migrations: ${READ}`,
    READ_HEALTHY,
    ...(reason === undefined ? [] : [fall, recovery]),
  ];
}

const rows = [
  [
    'fault',
    'database',
    '`timeout`, ms',
    'slowest scrape, ms',
    'event loop late, ms',
    'scrapes',
    'failing connection read',
    'healthy connection read',
    'failures counted',
    'most queries waiting',
    'most pool slots taken or waited for',
    'warnings',
    'recoveries',
  ],
];

function printReport(): void {
  rows.splice(1, 0, Array<string>(rows[0]?.length ?? 0).fill('---'));
  console.log(
    [
      'Readings are applied / unapplied / success.',
      '',
      ...rows.map((cells) => `| ${cells.join(' | ')} |`),
    ].join('\n'),
  );
}

function report({ name }: Fault, { dialect }: Place, timeout: number, application: Application): void {
  const { log, queries, scrapes } = application;
  const failing = [...scrapes.failing];
  const failures = Object.entries(failuresOf(scrapes.text, 'default'));
  rows.push([
    name,
    dialect.name,
    String(timeout),
    scrapes.slowest.toFixed(0),
    scrapes.lag.toFixed(0),
    String(scrapes.count),
    // The first is that of the fault, then that of the recovery.
    failing.slice(0, 1).map(brief).join(', '),
    [...scrapes.healthy].map(brief).join(', '),
    failures.map(([reason, count]) => `${reason} ${count}`).join(', ') || 'none',
    String(queries.most),
    String(scrapes.mostSlots),
    String(log.filter((line) => line.startsWith('warn')).length),
    String(log.filter((line) => line.includes('readable again')).length),
  ]);
}

function brief(json: string): string {
  const { applied_total, unapplied_total, collection_success } = JSON.parse(json) as Record<string, number>;
  return [applied_total, unapplied_total, collection_success].join(' / ');
}

/** Every fault on one kind of server. Each has a file of its own: they run at the same time. */
export function describeFaults(dialect: Dialect): void {
  describe.skipIf(!dialect.available)(dialect.name, () => {
    const role = uniqueName('reader');
    let server: TestDatabase;
    let proxy: TcpProxy;

    beforeAll(async () => {
      server = await dialect.create();
      await server.run(dialect.createRole(role));
    });
    afterAll(async () => {
      printReport();
      await server.run(...dialect.dropRole(role));
      await server.drop();
    });
    beforeEach(async () => {
      await server.run('DROP TABLE IF EXISTS migrations');
      await migrate(dialect, server);
      await server.run(dialect.grant(role));
      proxy = await TcpProxy.before(server.url, dialect.port);
    });
    afterEach(async () => {
      // Whatever still waits for an answer gets an error, so that the pools can be closed.
      proxy.set('cut');
      await closeApplications();
      await proxy.close();
    });

    const isDriverKnown = !DRIVERS.includes(dialect);
    const faults = FAULTS.filter(({ ofServer }) => ofServer || !isDriverKnown);
    it.each(faults.map((fault) => [fault.name, fault] as const))(
      '%s',
      { timeout: 120_000 },
      async (_name, fault) => {
        const { reason, timeout = TIMEOUT, scrapers = 1, held = 0 } = fault;
        const place: Place = { dialect, server, proxy, role };
        await fault.beforeStart?.(place);
        const application = await start(place, fault.options?.(place) ?? {}, timeout);
        const { dataSource, log, queries, scrapes } = application;
        const scene = { ...place, dataSource };

        if (fault.begin !== undefined) {
          expect(await scrapes.one()).toEqual(WELL);
          scrapes.failing.clear();
          await fault.begin(scene);
        }
        try {
          await scrapeThroughout(fault, timeout, application);
        } finally {
          await fault.end(scene);
        }
        expect([...scrapes.failing]).toEqual([JSON.stringify(fault.reads)]);
        const counted = Object.keys(failuresOf(scrapes.text, 'default'));
        expect(counted).toEqual(reason === undefined ? [] : [reason]);

        // It recovers without help, and nothing is left waiting.
        await expect.poll(() => scrapes.one(), { timeout: PATIENCE }).toEqual(WELL);
        await scrapes.many(50, scrapers);
        expect(await scrapes.one()).toEqual(WELL);
        await expect.poll(() => queries.outstanding, { timeout: PATIENCE }).toBe(0);
        await expect
          .poll(() => poolState(dataSource), { timeout: PATIENCE })
          .toMatchObject({ waiting: 0, lent: 0 });
        report(fault, place, timeout, application);

        expect(log).toEqual(expectedLog(fault));
        expect(Object.keys(failuresOf(scrapes.text, 'default'))).toEqual(counted);
        expect(failuresOf(scrapes.text, 'healthy')).toEqual({});
        expect([...scrapes.healthy]).toEqual([JSON.stringify(HEALTHY)]);
        expect([...scrapes.wrong]).toEqual([]);
        expect(scrapes.slowest).toBeLessThan(timeout + MARGIN + scrapes.lag);
        // The connection of one that is abandoned is destroyed; who waits for the pool is in its queue for good.
        expect(queries.most).toBeLessThanOrEqual(1);
        expect(scrapes.mostSlots).toBeLessThanOrEqual((held > 0 ? 2 : 1) + held);
        expect(queries.patience.filter((ms) => ms < GIVEN_UP_AFTER * timeout - 5)).toEqual([]);
      },
    );

    it.skipIf(isDriverKnown)(
      'a connection lost without a reset is given up, and a fresh one tried',
      { timeout: 2 * PATIENCE },
      async () => {
        const { log, queries, scrapes } = await start({ dialect, server, proxy, role }, {}, HANGING_TIMEOUT);
        expect(await scrapes.one()).toEqual(WELL);
        const lostAt = performance.now();
        proxy.set('lose');
        await expect
          .poll(() => scrapes.one(), { timeout: (GIVEN_UP_AFTER + 1) * HANGING_TIMEOUT + PATIENCE })
          .toEqual(WELL);
        expect(performance.now() - lostAt).toBeGreaterThan(GIVEN_UP_AFTER * HANGING_TIMEOUT);
        await scrapes.many(50, 1);
        expect(await scrapes.one()).toEqual(WELL);
        expect(failuresOf(scrapes.text, 'default')).toEqual({ timeout: 1 });
        expect(log).toEqual(expectedLog({ reason: 'timeout', begin: () => {} }));
        expect(queries.most).toBe(1);
        expect(scrapes.slowest).toBeLessThan(HANGING_TIMEOUT + MARGIN + scrapes.lag);
      },
    );
  });
}
