import { TypeOrmModule } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import { DataSource, EntitySchema, type MigrationInterface, type QueryRunner } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { METRIC_NAMES, type MigrationsReport, PrometheusMigrationsModule } from '../../lib';
import type { DriftOptions } from '../../lib/options/option.types';
import { closeApplications, startApplication } from '../support/applications';
import { createPostgres, type TestDatabase } from '../support/databases';
import { samples } from '../support/exposition';
import { ownSamples, startSdk, stopSdks } from '../support/opentelemetry';

const Order = new EntitySchema({
  name: 'orders',
  columns: { id: { type: Number, primary: true }, total: { type: Number } },
});
class CreateOrders1700000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'CREATE TABLE orders (id integer NOT NULL, total integer NOT NULL, CONSTRAINT "PK_710e2d4957aa5878dfe94e4ac2f" PRIMARY KEY (id))',
    );
  }
  async down(): Promise<void> {}
}
class IndexByHand1700000001000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX by_hand ON orders (total)');
  }
  async down(): Promise<void> {}
}

let postgres: TestDatabase;
beforeEach(async () => {
  postgres = await createPostgres();
});
afterEach(async () => {
  await closeApplications();
  await stopSdks();
  await postgres.drop();
});

const { schemaDrift, schemaDriftLastSuccess } = METRIC_NAMES;
const DRIFT = `${schemaDrift}{connection="default"}`;
const JUDGED = `${schemaDriftLastSuccess}{connection="default"}`;

async function start(
  drift: Partial<DriftOptions> | undefined,
  more: (new () => MigrationInterface)[] = [],
  entities: EntitySchema[] = [Order],
) {
  const sdk = startSdk();
  const { app, get, fetch, logger } = await startApplication({
    imports: [
      TypeOrmModule.forRoot({
        type: 'postgres',
        url: postgres.url,
        entities,
        migrations: [CreateOrders1700000000000, ...more],
        migrationsRun: true,
      }),
      PrometheusMigrationsModule.forRoot({
        registry: new Registry(),
        meter: sdk.meter,
        statusPath: '/status',
        readiness: { path: '/readyz' },
        maxAge: 0,
        ...(drift && { drift: { interval: 1000, ...drift } }),
      }),
    ],
  });
  const figure = async (series: string) => samples(await get()).get(series);
  const report = async () => {
    const [connection] = (JSON.parse(await get('/status')) as MigrationsReport).connections;
    return connection?.drift;
  };
  return {
    app,
    get,
    fetch,
    figure,
    report,
    logger,
    observed: async () => ownSamples(await sdk.exposition()),
  };
}

/** The next look is a second away at most. */
const SOON = { timeout: 10_000, interval: 100 };

describe('the option drift', () => {
  it('shows in both worlds and in the report what was changed by hand, and that it is gone', async () => {
    const { figure, report, observed, fetch, get } = await start({});
    await expect.poll(() => figure(DRIFT), SOON).toBe(0);
    expect(await figure(JUDGED)).toBeGreaterThan(Date.now() / 1000 - 60);

    await postgres.run('CREATE INDEX by_hand ON orders (total)');
    await expect.poll(() => figure(DRIFT), SOON).toBe(1);
    expect((await observed()).get(DRIFT)).toBe(1);
    expect(await report()).toMatchObject({
      statements: 1,
      differences: [{ change: 'drop index', table: 'orders', name: 'by_hand', statements: 1 }],
      ignored: [],
    });
    const page = await (await fetch('/status', { headers: { accept: 'text/html' } })).text();
    expect(page).toContain('drop index:orders.by_hand');
    // Advisory: it gates nothing.
    expect((await fetch('/readyz')).status).toBe(200);
    expect(await get('/status')).not.toContain('DROP INDEX');

    await postgres.run('DROP INDEX by_hand');
    await expect.poll(() => figure(DRIFT), SOON).toBe(0);
  });

  it('has no number while it cannot be judged, and remembers when it was', async () => {
    const { app, figure, report, observed } = await start({});
    await expect.poll(() => figure(DRIFT), SOON).toBe(0);
    const judged = await figure(JUDGED);
    const dataSource = app.get(DataSource);
    await dataSource.query('DELETE FROM migrations');
    await expect.poll(report, SOON).toMatchObject({ statements: null, skipped: 'unapplied' });
    expect(await figure(DRIFT)).toBeUndefined();
    expect((await observed()).get(DRIFT)).toBeUndefined();
    expect(await figure(JUDGED)).toBeGreaterThanOrEqual(judged ?? Infinity);
  });

  it('counts what is not ignored, and warns once of an entry and a connection that match nothing', async () => {
    const drift = { ignore: ['by_hand', 'orders.by_hand', /nothing/], connections: ['default', 'orders'] };
    const { figure, report, logger } = await start(drift, [IndexByHand1700000001000]);
    await expect.poll(async () => (await report())?.ignored, SOON).toMatchObject([{ name: 'by_hand' }]);
    expect(await figure(DRIFT)).toBe(0);
    const warnings = logger.lines.filter((line) => line.includes('drift.'));
    const unmatched =
      'which matches no difference of any connection. Remove it, or write it as change:table.name.';
    expect(warnings).toEqual([
      'warn drift.connections names "orders", which is not a connection.',
      `warn drift.ignore has "by_hand", ${unmatched}`,
      `warn drift.ignore has /nothing/, ${unmatched}`,
    ]);
  });

  it('has no number without entities, and warns once', async () => {
    const { figure, report, logger } = await start({}, [IndexByHand1700000001000], []);
    await expect.poll(report, SOON).toMatchObject({ statements: null, skipped: 'no_entities' });
    const { checkedAt } = (await report()) ?? {};
    await expect.poll(async () => (await report())?.checkedAt, SOON).not.toBe(checkedAt);
    expect(await figure(DRIFT)).toBeUndefined();
    expect(await figure(JUDGED)).toBeUndefined();
    expect(logger.lines.filter((line) => line.includes('drift'))).toEqual([
      'warn default: schema drift is not known (no_entities). The DataSource has no entities, so there is nothing to compare the ' +
        'schema with. drift.connections can leave the connection out.',
    ]);
  });

  it('is off by default: no metric, no field of the report', async () => {
    const { get, report } = await start(undefined);
    expect(await get()).not.toContain('drift');
    expect(await report()).toBeUndefined();
  });
});
