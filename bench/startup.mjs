// Measures the time that the module adds to the start of an application, without the readings.
import 'reflect-metadata';
import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import { Registry } from 'prom-client';
import { defineMigrations } from './migrations.mjs';
import { median, milliseconds, table } from './statistics.mjs';

const ROUNDS = 30;

/** The gates to measure. All of them pass, because all migrations are applied. */
const GATES = {
  none: { onUnapplied: 'ignore', onUnreadable: 'ignore' },
  "'warn'": {},
  "'fail'": { onUnapplied: 'fail', onUnreadable: 'fail' },
  waitFor: { waitFor: { timeout: 60_000, interval: 1000 } },
};

export async function benchStartup() {
  Logger.overrideLogger(false);
  const options = { type: 'better-sqlite3', database: ':memory:', migrations: defineMigrations(100) };
  const typeorm = () => TypeOrmModule.forRoot({ ...options, migrationsRun: true });
  const without = [];
  const gates = Object.entries(GATES).map(([gate, module]) => ({
    gate,
    module,
    took: [],
    readings: [],
    added: [],
  }));
  for (let round = 0; round < ROUNDS; round += 1) {
    const floor = (await start([typeorm()])).took;
    without.push(floor);
    for (const { module, took, readings, added } of gates) {
      const registry = new Registry();
      const started = await start(
        [typeorm(), PrometheusMigrationsModule.forRoot({ registry, ...module })],
        registry,
      );
      const reading = 1000 * Number(/collection_duration_seconds{.*} (\S+)/.exec(started.text)[1]);
      took.push(started.took);
      readings.push(reading);
      added.push(started.took - floor - reading);
    }
  }
  const rows = gates.map(({ gate, took, readings, added }) => [
    gate,
    ...[without, took, readings, added].map((values) => milliseconds(median(values))),
  ]);
  console.log(
    table(['gates', 'start-up without', 'with the module', 'the reading', 'added beyond the reading'], rows),
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
