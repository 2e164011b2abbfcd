// What the module adds to the start of an application, beyond the readings themselves.
import 'reflect-metadata';
import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import { Registry } from 'prom-client';
import { defineMigrations } from './migrations.mjs';
import { median, milliseconds, table } from './statistics.mjs';

const ROUNDS = 30;

export async function benchStartup() {
  Logger.overrideLogger(false);
  const migrations = defineMigrations(100);
  const typeorm = () => TypeOrmModule.forRoot({ type: 'better-sqlite3', database: ':memory:', migrations });
  const times = { without: [], with: [], readings: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    times.without.push((await start([typeorm()])).took);
    const registry = new Registry();
    const { took, text } = await start(
      [typeorm(), PrometheusMigrationsModule.forRoot({ registry })],
      registry,
    );
    times.with.push(took);
    times.readings.push(1000 * Number(/collection_duration_seconds{.*} (\S+)/.exec(text)[1]));
  }
  const added = median(
    times.with.map((value, round) => value - times.without[round] - times.readings[round]),
  );
  console.log(
    table(
      ['start-up without', 'with the module', 'the reading', 'added beyond the reading'],
      [[median(times.without), median(times.with), median(times.readings), added].map(milliseconds)],
    ),
  );
}

async function start(imports, registry) {
  class AppModule {}
  Module({ imports })(AppModule);
  const startedAt = performance.now();
  const app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  const took = performance.now() - startedAt;
  const text = await registry?.metrics();
  await app.close();
  return { took, text };
}
