import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { INestApplication } from '@nestjs/common';
import { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import { assertFigures, scrape, start } from './application.js';
import { type OpenMetricsContentType, openMetricsContentType, Registry } from './client.js';

describe('an application with a registry for OpenMetrics', () => {
  let app: INestApplication;

  afterEach(() => app.close());

  it('serves OpenMetrics', async () => {
    const registry = new Registry<OpenMetricsContentType>();
    registry.setContentType(openMetricsContentType);
    app = await start({ imports: [PrometheusMigrationsModule.forRoot({ registry })] });
    await assertFigures(app, { expectedType: openMetricsContentType });
    const errors = /^typeorm_migrations_collection_errors_total\{connection="default",reason="other"\} 0$/gm;
    const { body } = await scrape(app);
    assert.equal(body.match(errors)?.length, 1);
    assert.ok(body.endsWith('# EOF\n'));
  });
});
