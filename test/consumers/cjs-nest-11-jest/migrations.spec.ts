import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { CreateAuthor1700000000000, CreateBook1700000001000, CreateReview1700000002000 } from './migrations';

/** A database as the release before this one left it: the first of three migrations is applied. */
async function databaseOfTheLastRelease(): Promise<Uint8Array> {
  const dataSource = new DataSource({ type: 'sqljs', migrations: [CreateAuthor1700000000000] });
  await dataSource.initialize();
  await dataSource.runMigrations();
  const database = dataSource.sqljsManager.exportDatabase();
  await dataSource.destroy();
  return database;
}

async function start(...modules: ReturnType<typeof PrometheusMigrationsModule.forRoot>[]) {
  const database = TypeOrmModule.forRoot({
    type: 'sqljs',
    database: await databaseOfTheLastRelease(),
    migrations: [CreateAuthor1700000000000, CreateBook1700000001000, CreateReview1700000002000],
  });
  const testing = await Test.createTestingModule({ imports: [database, ...modules] }).compile();
  const app = testing.createNestApplication();
  await app.listen(0, '127.0.0.1');
  return app;
}

async function scrape(app: INestApplication, path: string) {
  const response = await fetch(`${await app.getUrl()}${path}`);
  return {
    status: response.status,
    contentType: response.headers.get('content-type'),
    body: await response.text(),
  };
}

async function expectFigures(app: INestApplication, path: string, family = 'typeorm') {
  const { status, contentType, body } = await scrape(app, path);
  expect(status).toBe(200);
  // In any order: Express sorts the parameters.
  expect(contentType?.split('; ').sort()).toEqual(['charset=utf-8', 'text/plain', 'version=0.0.4']);
  const lines = body.split('\n');
  expect(lines).toContain(`${family}_migrations_applied_total{connection="default"} 1`);
  expect(lines).toContain(`${family}_migrations_unapplied_total{connection="default"} 2`);
  expect(lines).toContain(`${family}_migrations_collection_success{connection="default"} 1`);
}

describe('nestjs-prometheus-migrations in a CommonJS application on Nest 11', () => {
  let app: INestApplication;

  afterEach(() => app.close());

  // Twice the same: the second finds the default registry as free as the first did.
  it.each(['first', 'second'])('serves the figures from the default registry (%s application)', async () => {
    app = await start(PrometheusMigrationsModule.forRoot());
    await expectFigures(app, '/metrics');
  });

  it('takes its path from forRootAsync', async () => {
    app = await start(
      PrometheusMigrationsModule.forRootAsync({ useFactory: async () => ({ path: '/internal/metrics' }) }),
    );
    await expectFigures(app, '/internal/metrics');
    expect((await scrape(app, '/metrics')).status).toBe(404);
  });

  it('stands twice in one application, on two registries and paths', async () => {
    app = await start(
      PrometheusMigrationsModule.forRoot({ registry: new Registry(), path: '/one' }),
      PrometheusMigrationsModule.forRoot({ registry: new Registry(), path: '/two', prefix: 'django' }),
    );
    await expectFigures(app, '/one');
    await expectFigures(app, '/two', 'django');
    expect((await scrape(app, '/one')).body).not.toContain('django_');
    expect((await scrape(app, '/two')).body).not.toContain('typeorm_');
  });
});
