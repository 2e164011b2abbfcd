import 'reflect-metadata';
import assert from 'node:assert/strict';
import { type INestApplication, Module, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import {
  CreateAuthor1700000000000,
  CreateBook1700000001000,
  CreateReview1700000002000,
} from './migrations.js';
import { Adapter } from './platform.js';

const migrations = [CreateAuthor1700000000000, CreateBook1700000001000, CreateReview1700000002000];
export const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/** A database as the release before this one left it: the first of three migrations is applied. */
async function databaseOfTheLastRelease(): Promise<Uint8Array> {
  const dataSource = new DataSource({ type: 'sqljs', migrations: [CreateAuthor1700000000000] });
  await dataSource.initialize();
  await dataSource.runMigrations();
  const database = dataSource.sqljsManager.exportDatabase();
  await dataSource.destroy();
  return database;
}

/** An application that listens, with a database of the last release and one that is as good as new. */
export async function start(
  { imports = [], ...metadata }: ModuleMetadata,
  adapter = new Adapter(),
): Promise<INestApplication> {
  @Module({
    ...metadata,
    imports: [
      TypeOrmModule.forRoot({ type: 'sqljs', database: await databaseOfTheLastRelease(), migrations }),
      TypeOrmModule.forRoot({ type: 'sqljs', name: 'fresh', migrations }),
      ...imports,
    ],
  })
  class AppModule {}

  const app = await NestFactory.create(AppModule, adapter, {
    logger: ['warn', 'error'],
    abortOnError: false,
  });
  await app.listen(0, '127.0.0.1');
  return app;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string | null;
  readonly body: string;
}

export async function scrape(app: INestApplication, path = '/metrics'): Promise<Answer> {
  const response = await fetch(`${await app.getUrl()}${path}`);
  return {
    status: response.status,
    contentType: response.headers.get('content-type'),
    body: await response.text(),
  };
}

/** What every scrape has to say of the two databases. */
export async function assertFigures(
  app: INestApplication,
  { path = '/metrics', family = 'typeorm', expectedType = PROMETHEUS_TEXT } = {},
): Promise<void> {
  const { status, contentType, body } = await scrape(app, path);
  assert.equal(status, 200);
  // In any order: Express sorts the parameters.
  assert.deepEqual(contentType?.split('; ').sort(), expectedType.split('; ').sort());
  const lines = body.split('\n').filter((line) => /_(total|success|defined)\{connection="\w+"\}/.test(line));
  assert.deepEqual(lines, [
    `${family}_migrations_applied_total{connection="default"} 1`,
    `${family}_migrations_applied_total{connection="fresh"} 0`,
    `${family}_migrations_unapplied_total{connection="default"} 2`,
    `${family}_migrations_unapplied_total{connection="fresh"} 3`,
    `${family}_migrations_defined{connection="default"} 3`,
    `${family}_migrations_defined{connection="fresh"} 3`,
    `${family}_migrations_collection_success{connection="default"} 1`,
    `${family}_migrations_collection_success{connection="fresh"} 1`,
  ]);
}

/** Reading creates nothing, as TypeORM's own executor did up to 0.3.28. */
export async function assertNothingWritten(app: INestApplication): Promise<void> {
  const dataSource = app.get<DataSource>(getDataSourceToken('fresh'));
  assert.deepEqual(await dataSource.query('SELECT name FROM sqlite_master'), []);
}
