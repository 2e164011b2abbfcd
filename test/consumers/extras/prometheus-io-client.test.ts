import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { INestApplication } from '@nestjs/common';
import { Gauge, Registry } from '@prometheus-io/client';
import { type MetricsRegistry, PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import { register } from 'prom-client';
import { assertFigures, assertNothingWritten, scrape, start } from './application.js';

describe("the registry of prom-client's successor", () => {
  let app: INestApplication;

  afterEach(() => app.close());

  it('takes the figures beside metrics of its own', async () => {
    const registry = new Registry();
    new Gauge({ name: 'its_own', help: 'Its own', registers: [registry] }).set(7);
    const accepted: MetricsRegistry = registry;

    app = await start({ imports: [PrometheusMigrationsModule.forRoot({ registry: accepted })] });

    await assertFigures(app);
    await assertNothingWritten(app);
    assert.match((await scrape(app)).body, /^its_own 7$/m);
    assert.deepEqual(register.getMetricsAsArray(), []);
    await app.close();
    assert.deepEqual(
      registry.getMetricsAsArray().map((metric) => metric.name),
      ['its_own'],
    );
  });

  it("stands beside prom-client's", async () => {
    app = await start({
      imports: [
        PrometheusMigrationsModule.forRoot(),
        PrometheusMigrationsModule.forRoot({ registry: new Registry(), path: '/successor' }),
      ],
    });
    await assertFigures(app);
    await assertFigures(app, { path: '/successor' });
  });

  it('takes the default metrics', async () => {
    app = await start({
      imports: [PrometheusMigrationsModule.forRoot({ registry: new Registry(), defaultMetrics: true })],
    });
    assert.match((await scrape(app)).body, /^process_cpu_user_seconds_total \d/m);
  });

  it('serves OpenMetrics', async () => {
    const registry = new Registry(Registry.OPENMETRICS_CONTENT_TYPE);
    app = await start({ imports: [PrometheusMigrationsModule.forRoot({ registry })] });
    await assertFigures(app, { expectedType: Registry.OPENMETRICS_CONTENT_TYPE });
    const { body } = await scrape(app);
    assert.match(
      body,
      /^typeorm_migrations_collection_errors_total\{connection="default",reason="other"\} 0$/m,
    );
    assert.ok(body.endsWith('# EOF\n'));
  });
});
