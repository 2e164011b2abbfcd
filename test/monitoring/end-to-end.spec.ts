import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { STATE } from '../../monitoring/grafana/migrations.queries';
import { METRIC_NAMES } from '../../lib/metrics/metric.names';
import { createMariadb, createPostgres, hasMariadb, type TestDatabase } from '../support/databases';
import { ABOUT_DRIFT, ABOUT_RUNS, dashboardExpressions } from '../support/dashboard';
import { type Alert, faster, type RunningPrometheus, startPrometheus } from '../support/prometheus';
import { hasPrometheus } from '../support/promtool';
import { buildSample, type RunningSample, type Sample, SAMPLE_BUILD_MS } from '../support/sample-app';
import { TcpProxy } from '../support/tcp-proxy';
import { drawTimeline, type Timeline } from './end-to-end.chart';

/**
 * How many times as fast Prometheus's durations go by, those of the rules with them. At 1 the rules and the
 * configuration are as they are shipped, and the story takes the better part of an hour.
 */
const SPEED = Number(process.env['END_TO_END_SPEED'] ?? 30);
/** Where the chart and the log are to be written, without an ending. */
const OUTPUT = process.env['END_TO_END_OUTPUT'];

const MINUTE = 60 / SPEED;
/** As often as the sample's configuration scrapes and evaluates, in seconds. */
const STEP = 15 / SPEED;
/** Minutes for which what fires is to fire. */
const STAYS = 2;
/** For the steps that take no time of Prometheus's own; a busy machine does not get slower with SPEED. */
const SLACK_SECONDS = 20;

describe.skipIf(!hasPrometheus || !hasMariadb || inject('postgresUrl') === undefined)(
  `the rules and the dashboard on Prometheus, ${SPEED} times as fast`,
  () => {
    const cleanups: (() => Promise<unknown>)[] = [];
    const events: { at: number; what: string }[] = [];
    let sample: Sample;
    let app: RunningSample;
    let environment: NodeJS.ProcessEnv;
    let proxy: TcpProxy;
    let prometheus: RunningPrometheus;
    let began: number;

    beforeAll(async () => {
      sample = await buildSample();
      cleanups.push(() => sample.remove());
      const databases: TestDatabase[] = [await createPostgres(), await createMariadb()];
      cleanups.push(() => Promise.all(databases.map((database) => database.drop())));
      const [postgres, mariadb] = databases as [TestDatabase, TestDatabase];
      proxy = await TcpProxy.before(postgres.url, 5432);
      cleanups.push(() => proxy.close());
      const data = await mkdtemp(join(tmpdir(), 'end-to-end-'));
      cleanups.push(() => rm(data, { recursive: true, force: true }));

      environment = {
        DATABASE_URL: proxy.url(postgres.url),
        USER_DATA_URL: mariadb.url,
        SAMPLE_DATA_DIR: data,
      };
      app = await sample.start(environment);
      cleanups.push(async () => {
        app.process.kill('SIGKILL');
        await app.exit;
      });
      prometheus = await startPrometheus(new URL(app.url).host, SPEED);
      cleanups.push(() => prometheus.stop());
      began = Date.now() / 1000;
    }, SAMPLE_BUILD_MS);

    afterAll(async () => {
      for (const cleanup of cleanups.reverse()) await cleanup();
    });

    async function names(): Promise<string[]> {
      const alerts = await prometheus.alerts();
      return alerts
        .filter(({ state }) => state === 'firing')
        .map(({ name, connection }) => `${name} ${connection}`);
    }

    /** Waits until exactly these alerts fire, and no others, and sees that it stays so. */
    async function firing(expected: readonly string[], minutes: number): Promise<void> {
      const patience = { timeout: (minutes * MINUTE + SLACK_SECONDS) * 1000, interval: 250 };
      await expect.poll(names, patience).toEqual(expected);
      await wait(STAYS * MINUTE * 1000);
      expect(await names()).toEqual(expected);
    }

    /** The state that the dashboard shows of each connection. */
    async function states(): Promise<Record<string, number | undefined>> {
      const { expression } = dashboardExpressions().find(({ panel }) => panel === 'State')!;
      const series = await prometheus.query(expression);
      return Object.fromEntries(
        series.map(({ metric, values }) => [metric['connection'] ?? '', values[0]?.[1]]),
      );
    }

    function tell(what: string): number {
      const at = Date.now() / 1000;
      events.push({ at, what });
      return at;
    }

    it('tells of what is still unapplied', { timeout: timeoutMs(17) }, async () => {
      tell('started, 2 / 1 / 0 unapplied');

      await firing(['TypeormMigrationsUnapplied default', 'TypeormMigrationsUnapplied user_data'], 17);
      expect(await states()).toEqual({ default: 2, user_data: 1, cache_db: STATE.upToDate });
    });

    it(
      'tells of a database that cannot be read, and still of the other',
      { timeout: timeoutMs(10) },
      async () => {
        tell('default taken away');
        proxy.set('refuse');

        await firing(
          ['TypeormMigrationsDatabaseUnreachable default', 'TypeormMigrationsUnapplied user_data'],
          10,
        );
        expect(await states()).toEqual({
          default: STATE.unreadable,
          user_data: 1,
          cache_db: STATE.upToDate,
        });
      },
    );

    it('takes no time to know again what it knew before the outage', { timeout: timeoutMs(2) }, async () => {
      tell('default given back');
      proxy.set('none');

      await firing(['TypeormMigrationsUnapplied default', 'TypeormMigrationsUnapplied user_data'], 2);
    });

    it('has an answer to every query of the dashboard', async () => {
      // The sample application runs no migrations itself, and has no entities whose drift could be read:
      // see runs.end-to-end.spec.ts and test/e2e/drift.spec.ts.
      const answered = dashboardExpressions().filter(
        ({ expression }) => !ABOUT_RUNS.test(expression) && !ABOUT_DRIFT.test(expression),
      );
      for (const { panel, expression } of answered) {
        expect(await prometheus.query(faster(expression, SPEED)), panel).not.toEqual([]);
      }
    });

    it('is silent when all is applied', { timeout: timeoutMs(2) }, async () => {
      tell('migrated');
      await sample.migrate(environment);

      await firing([], 2);
      const { upToDate } = STATE;
      expect(await states()).toEqual({ default: upToDate, user_data: upToDate, cache_db: upToDate });
    });

    it(
      'tells of a revert at once, and of what is unapplied since when the time has come',
      { timeout: timeoutMs(19) },
      async () => {
        tell('user_data reverted');
        await sample.migrate(environment, 'revert', 'user_data');

        await firing(['TypeormMigrationsAppliedDecreased user_data'], 2);
        await firing(
          ['TypeormMigrationsAppliedDecreased user_data', 'TypeormMigrationsUnapplied user_data'],
          17,
        );
      },
    );

    it('is silent again when that is applied again', { timeout: timeoutMs(4) }, async () => {
      tell('migrated again');
      await sample.migrate(environment);

      await firing([], 2);
    });

    it('has each alert pending, fired and cleared when it should', async () => {
      const timeline = await stored();
      const log = [
        ...timeline.events.map(({ at, what }) => ({ at, what: `--- ${what}` })),
        ...timeline.alerts.flatMap(({ alert, connection, state, from, to }) => [
          { at: from, what: `${alert} ${connection}: ${state === 'firing' ? 'fired' : 'pending'}` },
          ...(state === 'firing' ? [{ at: to, what: `${alert} ${connection}: cleared` }] : []),
        ]),
      ]
        .sort((a, b) => a.at - b.at)
        .map(({ at, what }) => `${((at - began) / MINUTE).toFixed(1).padStart(5)} min  ${what}`);
      console.log(log.join('\n'));
      if (OUTPUT !== undefined) {
        await writeFile(`${OUTPUT}.svg`, drawTimeline(timeline));
        await writeFile(`${OUTPUT}.log`, `${log.join('\n')}\n`);
      }

      const waited = (alert: string, connection: string, since: string, nth = 0) => {
        const fired = timeline.alerts.filter(
          (span) => span.alert === alert && span.connection === connection && span.state === 'firing',
        );
        const event = timeline.events.find(({ what }) => what.startsWith(since));
        return (fired[nth]!.from - event!.at) / MINUTE;
      };
      expect(waited('TypeormMigrationsUnapplied', 'default', 'started')).toBeGreaterThanOrEqual(15);
      expect(
        waited('TypeormMigrationsDatabaseUnreachable', 'default', 'default taken'),
      ).toBeGreaterThanOrEqual(5);
      expect(
        waited('TypeormMigrationsUnapplied', 'user_data', 'user_data reverted', 1),
      ).toBeGreaterThanOrEqual(15);
      // Nothing has fired but what was waited for above.
      expect(
        [
          ...new Set(
            timeline.alerts
              .filter(({ state }) => state === 'firing')
              .map(({ alert, connection }) => `${alert} ${connection}`),
          ),
        ].sort(),
      ).toEqual([
        'TypeormMigrationsAppliedDecreased user_data',
        'TypeormMigrationsDatabaseUnreachable default',
        'TypeormMigrationsUnapplied default',
        'TypeormMigrationsUnapplied user_data',
      ]);
    });

    async function stored(): Promise<Timeline> {
      const end = Date.now() / 1000;
      const samples = (series: string) => prometheus.query(`${series}[${Math.ceil(end - began)}s]`);
      const gauge = async (key: 'applied' | 'unapplied', connection: string) => {
        const [series] = await samples(`${METRIC_NAMES[key]}{connection="${connection}"}`);
        return series!;
      };
      return {
        title: `The sample application's migrations, and the alerts on them${SPEED === 1 ? '' : `, ${SPEED} times as fast`}`,
        start: began,
        end,
        minute: MINUTE,
        events,
        connections: await Promise.all(
          ['default', 'user_data', 'cache_db'].map(async (name) => ({
            name,
            applied: await gauge('applied', name),
            unapplied: await gauge('unapplied', name),
          })),
        ),
        alerts: (await samples('ALERTS'))
          .flatMap(({ metric, values }) =>
            stretches(values.map(([at]) => at)).map(({ from, to }) => ({
              alert: metric['alertname'] ?? '',
              connection: metric['connection'] ?? '',
              state: metric['alertstate'] as Alert['state'],
              from,
              to,
            })),
          )
          .sort((a, b) => a.from - b.from),
      };
    }
  },
);

/** Times of samples as stretches without a gap. */
function stretches(times: readonly number[]): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  for (const at of times) {
    const last = found.at(-1);
    if (last !== undefined && at - last.to < 1.5 * STEP) last.to = at;
    else found.push({ from: at, to: at });
  }
  return found;
}

/** Of a test that waits for so many of Prometheus's minutes. */
function timeoutMs(minutes: number): number {
  return ((minutes + 2 * STAYS) * MINUTE + 2 * SLACK_SECONDS) * 1000;
}
