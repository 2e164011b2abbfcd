import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { INestApplication } from '@nestjs/common';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import { register } from 'prom-client';
import { assertFigures, scrape, start } from './application.js';

describe('@willsoto/nestjs-prometheus in the same application', () => {
  let app: INestApplication;

  afterEach(async () => {
    await app.close();
    register.clear(); // its default metrics stay
  });

  it('serves the figures on its endpoint', async () => {
    app = await start({
      imports: [PrometheusModule.register(), PrometheusMigrationsModule.forRoot({ path: false })],
    });
    await assertFigures(app);
    assert.match((await scrape(app)).body, /^process_cpu_user_seconds_total \d/m);
  });

  it('has an endpoint of its own beside ours', async () => {
    app = await start({
      imports: [PrometheusModule.register({ path: '/theirs' }), PrometheusMigrationsModule.forRoot()],
    });
    await assertFigures(app);
    await assertFigures(app, { path: '/theirs' });
    assert.match((await scrape(app)).body, /^process_cpu_user_seconds_total \d/m);
  });
});
