// One of the servers that http.mjs compares, in a separate process: node http-server.mjs KIND
import 'reflect-metadata';
import { createServer } from 'node:http';
import { Controller, Get, Header, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import { register } from 'prom-client';
import { defineMigrations } from './migrations.mjs';

const [kind, platform = 'express'] = process.argv[2].split(':');

// All servers have the same three connections and the same registry; the readings are cached.
const connections = ['default', 'user_data', 'cache_db'].map((name) =>
  TypeOrmModule.forRoot({
    ...(name !== 'default' && { name }),
    type: 'better-sqlite3',
    database: ':memory:',
    migrations: defineMigrations(100),
  }),
);
/** Measures the cost of Nest and its platform alone. */
class ConstantController {
  get() {
    return constant;
  }
}
Controller('metrics')(ConstantController);
const descriptor = Object.getOwnPropertyDescriptor(ConstantController.prototype, 'get');
for (const decorate of [Get(), Header('Content-Type', register.contentType)])
  decorate(ConstantController.prototype, 'get', descriptor);
let constant = '';

const ours = (options) =>
  PrometheusMigrationsModule.forRoot({ maxAge: 3_600_000, onUnapplied: 'ignore', ...options });

class AppModule {}
Module({
  imports: [
    ...connections,
    ...(kind === 'controller' ? [ours()] : []),
    ...(kind === 'port' ? [ours({ path: false, port: 0 })] : []),
    ...(['bare', 'constant'].includes(kind) ? [ours({ path: false })] : []),
    ...(kind === 'willsoto'
      ? [PrometheusModule.register({ defaultMetrics: { enabled: false } }), ours({ path: false })]
      : []),
  ],
  controllers: kind === 'constant' ? [ConstantController] : [],
})(AppModule);

const logger = {
  log(message) {
    const [url] = /http:\S+$/.exec(message) ?? [];
    if (url !== undefined) process.send(url);
  },
  warn: console.error,
  error: console.error,
};
const app =
  platform === 'fastify'
    ? await NestFactory.create(AppModule, new FastifyAdapter(), { logger })
    : await NestFactory.create(AppModule, { logger });
await app.listen(0, '127.0.0.1');
constant = await register.metrics();

if (kind === 'bare') {
  const server = createServer((_request, response) => {
    void register.metrics().then((body) => {
      response.setHeader('Content-Type', register.contentType);
      response.end(body);
    });
  }).listen(0, '127.0.0.1', () => process.send(`http://127.0.0.1:${server.address().port}/metrics`));
} else if (kind !== 'port') {
  process.send(`${await app.getUrl()}/metrics`);
}
