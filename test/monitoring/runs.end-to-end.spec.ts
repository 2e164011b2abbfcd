import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { Registry } from 'prom-client';
import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { instrumentMigrations } from '../../lib';
import { createPostgres } from '../support/databases';
import { ABOUT_RUNS, dashboardExpressions } from '../support/dashboard';
import { RecordingLogger } from '../support/logs';
import { faster, type RunningPrometheus, startPrometheus } from '../support/prometheus';
import { hasPrometheus } from '../support/promtool';
import { StatementLog } from '../support/statements';

/** How many times as fast Prometheus's durations go by, those of the rules with them. */
const SPEED = 60;
const MINUTE = 60_000 / SPEED;
const SLACK_MS = 20_000;

class Locks1700000000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE orders ADD note text');
  }
  async down(): Promise<void> {}
}

describe.skipIf(!hasPrometheus || inject('postgresUrl') === undefined)(
  `the alerts on runs, on Prometheus, ${SPEED} times as fast`,
  () => {
    const cleanups: (() => unknown)[] = [];
    let dataSource: DataSource;
    let other: Client;
    let prometheus: RunningPrometheus;

    beforeAll(async () => {
      Logger.overrideLogger(new RecordingLogger());
      cleanups.push(() => Logger.overrideLogger(undefined as never));
      const database = await createPostgres();
      cleanups.push(() => database.drop());

      const registry = new Registry();
      const server = createServer((_request, response) => {
        void registry
          .metrics()
          .then((text) => response.setHeader('Content-Type', registry.contentType).end(text));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      cleanups.push(() => server.close());

      dataSource = new DataSource({
        type: 'postgres',
        url: database.url,
        migrations: [Locks1700000000000],
        logger: new StatementLog(),
      });
      await instrumentMigrations(dataSource, { registry, connection: 'orders' }).initialize();
      cleanups.push(() => dataSource.destroy());
      other = new Client({ connectionString: database.url });
      await other.connect();
      cleanups.push(() => other.end());

      prometheus = await startPrometheus(`127.0.0.1:${(server.address() as AddressInfo).port}`, SPEED);
      cleanups.push(() => prometheus.stop());
    });
    afterAll(async () => {
      for (const cleanup of cleanups.reverse()) await cleanup();
    });

    const firing = async () =>
      (await prometheus.alerts())
        .filter(({ state }) => state === 'firing')
        .map(({ name, connection }) => `${name} ${connection}`);
    const expectFiring = (alerts: readonly string[], minutes: number) =>
      expect.poll(firing, { timeout: minutes * MINUTE + SLACK_MS, interval: 100 }).toEqual(alerts);

    it('tell of a run that failed', { timeout: 60_000 }, async () => {
      await expect(dataSource.runMigrations()).rejects.toThrow('relation "orders" does not exist');

      await expectFiring(['TypeormMigrationsRunFailed orders'], 3);
    });

    it(
      'tell of the next run that it does not end, and of the failure until it has succeeded',
      { timeout: 120_000 },
      async () => {
        await other.query('CREATE TABLE orders (id int)');
        await other.query('BEGIN; LOCK TABLE orders');
        const began = Date.now();
        const run = dataSource.runMigrations();

        await expectFiring(['TypeormMigrationsRunFailed orders', 'TypeormMigrationsRunStuck orders'], 32);
        expect(Date.now() - began).toBeGreaterThanOrEqual(30 * MINUTE);

        await other.query('COMMIT');
        await run;
        await expectFiring([], 3);
      },
    );

    it('have an answer to every query of the dashboard that is about runs', async () => {
      const aboutRuns = dashboardExpressions().filter(({ expression }) => ABOUT_RUNS.test(expression));
      expect(aboutRuns).toHaveLength(3);
      for (const { panel, expression } of aboutRuns)
        expect(await prometheus.query(faster(expression, SPEED)), panel).not.toEqual([]);
    });
  },
);
