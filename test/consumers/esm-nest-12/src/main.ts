import 'reflect-metadata';
import assert from 'node:assert/strict';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  type MigrationReading,
  MigrationsExporter,
  PrometheusMigrationsModule,
} from 'nestjs-prometheus-migrations';
import { DataSource } from 'typeorm';
import {
  CreateAuthor1700000000000,
  CreateBook1700000001000,
  CreateReview1700000002000,
} from './migrations.js';

/** A database as the release before this one left it: the first of three migrations is applied. */
async function databaseOfTheLastRelease(): Promise<Uint8Array> {
  const dataSource = new DataSource({ type: 'sqljs', migrations: [CreateAuthor1700000000000] });
  await dataSource.initialize();
  await dataSource.runMigrations();
  const database = dataSource.sqljsManager.exportDatabase();
  await dataSource.destroy();
  return database;
}

@Injectable()
class MigrationsService {
  // By type alone, as users inject it: the class must survive as decorator metadata.
  constructor(private readonly exporter: MigrationsExporter) {}

  read(): Promise<readonly MigrationReading[]> {
    return this.exporter.exportMigrations();
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'sqljs',
      database: await databaseOfTheLastRelease(),
      migrations: [CreateAuthor1700000000000, CreateBook1700000001000, CreateReview1700000002000],
    }),
    PrometheusMigrationsModule.forRoot(),
  ],
  providers: [MigrationsService],
})
class AppModule {}

// The process has to end by itself, since the library holds nothing open. This timer does not keep it alive.
setTimeout(() => {
  console.error('The process did not end by itself within 30 seconds.');
  process.exit(1);
}, 30_000).unref();

const app = await NestFactory.create(AppModule, { logger: ['warn', 'error'] });
await app.listen(0, '127.0.0.1');
try {
  const response = await fetch(`${await app.getUrl()}/metrics`);
  const body = await response.text();
  assert.equal(response.status, 200);
  // In any order: Express sorts the parameters.
  const contentType = response.headers.get('content-type')?.split('; ').sort();
  assert.deepEqual(contentType, ['charset=utf-8', 'text/plain', 'version=0.0.4']);
  assert.match(body, /^typeorm_migrations_applied_total\{connection="default"\} 1$/m);
  assert.match(body, /^typeorm_migrations_unapplied_total\{connection="default"\} 2$/m);
  assert.match(body, /^typeorm_migrations_collection_success\{connection="default"\} 1$/m);

  const [reading] = await app.get(MigrationsService).read();
  assert.ok(reading?.status === 'read');
  assert.equal(reading.connection, 'default');
  assert.deepEqual(reading.state.applied, ['CreateAuthor1700000000000']);
  assert.deepEqual(reading.state.unapplied, ['CreateBook1700000001000', 'CreateReview1700000002000']);
} finally {
  await app.close();
}
