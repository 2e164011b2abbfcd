import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type INestApplication, Logger } from '@nestjs/common';
import * as successor from '@prometheus-io/client';
import { type MetricsRegistry, PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import * as promClient from 'prom-client';
import { assertFigures, assertNothingWritten, scrape, start } from './application.js';

describe('both clients in one application', () => {
  let app: INestApplication;

  afterEach(() => app.close());

  it("the default is prom-client's registry, with a warning", async (test) => {
    const warn = test.mock.method(Logger.prototype, 'warn', () => {});
    app = await start({ imports: [PrometheusMigrationsModule.forRoot()] });
    await assertFigures(app);
    assert.ok(promClient.register.getMetricsAsArray().length > 0);
    assert.deepEqual(successor.register.getMetricsAsArray(), []);
    const warnings = warn.mock.calls.map((call) => String(call.arguments[0]));
    assert.equal(warnings.filter((line) => /both installed.*Set the option registry/.test(line)).length, 1);
  });

  it("the successor's registry takes the figures beside metrics of its own, and has metrics of its classes", async () => {
    const registry = new successor.Registry();
    new successor.Gauge({ name: 'its_own', help: 'Its own', registers: [registry] }).set(7);
    const accepted: MetricsRegistry = registry;

    app = await start({
      imports: [PrometheusMigrationsModule.forRoot({ registry: accepted, defaultMetrics: true })],
    });

    await assertFigures(app);
    await assertNothingWritten(app);
    assert.match((await scrape(app)).body, /^its_own 7$/m);
    assert.ok(
      registry.getSingleMetric('typeorm_migrations_applied_total') instanceof (successor.Gauge as Function),
    );
    assert.ok(
      registry.getSingleMetric('process_cpu_user_seconds_total') instanceof (successor.Counter as Function),
    );
    assert.deepEqual(promClient.register.getMetricsAsArray(), []);
    await app.close();
    assert.deepEqual(
      registry.getMetricsAsArray().map((metric) => metric.name),
      ['its_own'],
    );
  });

  it('each has a registry and a path', async () => {
    app = await start({
      imports: [
        PrometheusMigrationsModule.forRoot({ registry: promClient.register }),
        PrometheusMigrationsModule.forRoot({ registry: new successor.Registry(), path: '/successor' }),
      ],
    });
    await assertFigures(app);
    await assertFigures(app, { path: '/successor' });
  });
});
