import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { Controller, Get, type INestApplication } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { getDataSourceToken } from '@nestjs/typeorm';
import { MigrationsHealthIndicator, PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import type { DataSource } from 'typeorm';
import { scrape, start } from './application.js';
import { Registry } from './client.js';

@Controller()
class HealthController {
  // By type alone, as users inject it: the class must survive as decorator metadata.
  constructor(
    private readonly health: HealthCheckService,
    private readonly migrations: MigrationsHealthIndicator,
  ) {}

  @Get('health')
  @HealthCheck()
  check() {
    return this.health.check([() => this.migrations.isUpToDate()]);
  }
}

describe('@nestjs/terminus', () => {
  let app: INestApplication;

  afterEach(() => app.close());

  async function startApplication() {
    app = await start({
      imports: [
        TerminusModule.forRoot({ logger: false }),
        PrometheusMigrationsModule.forRoot({ registry: new Registry(), maxAge: 0 }),
      ],
      controllers: [HealthController],
    });
    const dataSources = ['default', 'fresh'].map((name) => app.get<DataSource>(getDataSourceToken(name)));
    for (const dataSource of dataSources) await dataSource.runMigrations();
    return dataSources as [DataSource, DataSource];
  }

  /** The status of a probe, and what it tells of the migrations. */
  async function probe() {
    const { status, body } = await scrape(app, '/health');
    const { details } = JSON.parse(body) as { details?: { migrations?: unknown } };
    return { status, migrations: details?.migrations };
  }

  const counts = (applied: number, unapplied: number) => ({ applied, unapplied, unknown: 0, outOfOrder: 0 });
  const upToDate = { status: 'up-to-date', ...counts(3, 0) };

  it('answers 200 while all is applied, and 503 while it is not', async () => {
    const [dataSource] = await startApplication();
    assert.deepEqual(await probe(), {
      status: 200,
      migrations: { status: 'up', connections: { default: upToDate, fresh: upToDate } },
    });
    await dataSource.undoLastMigration();
    const unapplied = { status: 'unapplied', ...counts(2, 1) };
    assert.deepEqual(await probe(), {
      status: 503,
      migrations: { status: 'down', connections: { default: unapplied, fresh: upToDate } },
    });
  });

  it('answers 503, and not 500, while a database cannot be read', async () => {
    const [, fresh] = await startApplication();
    await fresh.destroy();
    const unreadable = { status: 'unreadable', reason: 'uninitialized' };
    assert.deepEqual(await probe(), {
      status: 503,
      migrations: { status: 'down', connections: { default: upToDate, fresh: unreadable } },
    });
    await fresh.initialize();
  });
});
