import { type CanActivate, Injectable, Module } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Gauge, Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  PortInUseError,
  PrometheusMigrationsModule,
  type PrometheusMigrationsModuleOptions,
} from '../../lib';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { readingsOf } from '../support/exposition';
import { RecordingLogger, urlIn } from '../support/logs';
import { defineMigrations } from '../support/migrations';

const READ = { applied_total: 42, unapplied_total: 3, collection_success: 1 };
const occupied: Server[] = [];

afterEach(async () => {
  await closeApplications();
  for (const server of occupied.splice(0)) await new Promise((resolve) => server.close(resolve));
});

async function occupyPort(port = 0): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  occupied.push(server);
  return (server.address() as AddressInfo).port;
}

/** Two ports side by side of which the first is in use. */
async function occupyFirstOfTwo(): Promise<[number, number]> {
  for (;;) {
    const first = await occupyPort();
    const second = await occupyPort(first + 1).catch(() => undefined);
    if (second === undefined) continue;
    await new Promise((resolve) => occupied.pop()?.close(resolve));
    return [first, second];
  }
}

function imports(options: PrometheusMigrationsModuleOptions) {
  return [
    sqliteModule(defineMigrations(45), { applied: 42 }),
    PrometheusMigrationsModule.forRoot({ registry: new Registry(), ...options }),
  ];
}
const start = (options: PrometheusMigrationsModuleOptions = {}) =>
  startApplication({ imports: imports({ port: 0, ...options }) });

describe('a port of its own', () => {
  it('serves the metrics beside the controller, on loopback', async () => {
    const { logger, get } = await start();
    const url = urlIn(logger);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    const response = await fetch(url);
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      Registry.PROMETHEUS_CONTENT_TYPE,
    ]);
    expect(readingsOf(await response.text(), 'default')).toMatchObject(READ);
    expect(readingsOf(await get(), 'default')).toMatchObject(READ);
  });

  it.each([
    ['GET', '', 200],
    ['HEAD', '', 200],
    ['GET', '?collect[]=x', 200],
    ['GET', '/deeper', 404],
    ['GET', '/../other', 404],
    ['POST', '', 405],
    ['DELETE', '/deeper', 405],
  ])('answers %s /metrics%s with %d', async (method, rest, status) => {
    const { logger } = await start();
    const response = await fetch(urlIn(logger) + rest, { method });
    expect(response.status).toBe(status);
    const body = await response.text();
    if (method === 'HEAD')
      expect([body, Number(response.headers.get('content-length')) > 1000]).toEqual(['', true]);
    if (status === 405) expect(response.headers.get('allow')).toBe('GET, HEAD');
  });

  it('has a small index, which links to the metrics', async () => {
    const { logger } = await start();
    const response = await fetch(new URL('/', urlIn(logger)));
    expect(await response.text()).toBe('<a href="/metrics">Metrics</a>\n');
  });

  it('serves its path, or /metrics where the application has no controller', async () => {
    const moved = await start({ path: '/internal/metrics' });
    expect(urlIn(moved.logger)).toMatch(/\/internal\/metrics$/);
    const without = await start({ path: false });
    expect((await fetch(urlIn(without.logger))).status).toBe(200);
    expect((await without.fetch('/metrics')).status).toBe(404);
  });

  it("answers when the application's own HTTP is stuck behind a guard", async () => {
    @Injectable()
    class StuckGuard implements CanActivate {
      canActivate = () => new Promise<boolean>(() => {});
    }
    const { logger, fetch: request } = await startApplication({
      imports: imports({ port: 0 }),
      providers: [{ provide: APP_GUARD, useClass: StuckGuard }],
    });
    const stuck = new AbortController();
    const answer = request('/metrics', { signal: stuck.signal });
    expect((await fetch(urlIn(logger))).status).toBe(200);
    stuck.abort();
    await expect(answer).rejects.toThrow();
  });

  it('answers with 500 and no word of the error where the metric of somebody else throws', async () => {
    const registry = new Registry();
    new Gauge({
      name: 'broken',
      help: 'broken',
      registers: [registry],
      collect() {
        throw new TypeError('postgres://user:secret@host');
      },
    });
    const { logger } = await start({ registry });
    const response = await fetch(urlIn(logger));
    expect([response.status, await response.text()]).toEqual([
      500,
      'A metric of the registry could not be collected\n',
    ]);
    expect(logger.lines.at(-1)).toBe('error A scrape of the metrics port failed (TypeError).');
  });

  it('takes no body', async () => {
    const { logger } = await start();
    const { hostname, port } = new URL(urlIn(logger));
    const socket = connect(Number(port), hostname);
    socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1\.1 413 [\s\S]*Connection: close/);
  });

  it('closes a connection whose request does not come', async () => {
    const { logger } = await start();
    const { hostname, port } = new URL(urlIn(logger));
    const socket = connect(Number(port), hostname);
    socket.write('GET /metrics HTTP/1.1\r\n');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('listens on IPv6', async () => {
    const { logger } = await start({ address: '::1' });
    const url = urlIn(logger);
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+\/metrics$/);
    expect((await fetch(url)).status).toBe(200);
  });

  it('closes on shutdown without cutting a scrape in flight', async () => {
    const registry = new Registry();
    let release!: () => void;
    let asked!: () => void;
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    new Gauge({
      name: 'slow',
      help: 'slow',
      registers: [registry],
      collect: () => {
        asked();
        return new Promise<void>((resolve) => (release = resolve));
      },
    });
    const { app, logger } = await start({ registry });
    const url = urlIn(logger);
    const scrape = fetch(url);
    await isAsked;
    const closing = app.close();
    await expect
      .poll(() =>
        fetch(url).then(
          () => 'open',
          () => 'closed',
        ),
      )
      .toBe('closed');
    release();
    const response = await scrape;
    expect(response.status).toBe(200);
    expect(readingsOf(await response.text(), 'default')).toMatchObject(READ);
    await closing;
  });
});

describe('a port in use', () => {
  it('is an error that names the port', async () => {
    const port = await occupyPort();
    const starting = start({ port });
    await expect(starting).rejects.toThrow(PortInUseError);
    await expect(starting).rejects.toThrow(
      `Port ${port} on 127.0.0.1 is in use. Set the option port to another`,
    );
  });

  it('of a range: the next free one is taken', async () => {
    const [first, second] = await occupyFirstOfTwo();
    const { logger } = await start({ portRange: [first, second] });
    expect(new URL(urlIn(logger)).port).toBe(String(second));
  });

  it('all of a range: a warning, and the application starts all the same', async () => {
    const port = await occupyPort();
    const { get, logger } = await start({ portRange: [port, port] });
    expect(logger.lines[0]).toMatch(/^warn .*have no port of their own/);
    expect(readingsOf(await get(), 'default')).toMatchObject(READ);
  });

  it('an address that this machine does not have is an error', async () => {
    await expect(start({ address: '192.0.2.1' })).rejects.toThrow('EADDRNOTAVAIL');
  });
});

describe('without an HTTP adapter', () => {
  let logger: RecordingLogger;
  beforeEach(() => {
    logger = new RecordingLogger();
  });
  async function createContext(options: PrometheusMigrationsModuleOptions) {
    @Module({ imports: imports(options) })
    class WorkerModule {}
    return NestFactory.createApplicationContext(WorkerModule, { logger });
  }

  it('serves the metrics', async () => {
    const context = await createContext({ port: 0 });
    const response = await fetch(urlIn(logger));
    expect(readingsOf(await response.text(), 'default')).toMatchObject(READ);
    await context.close();
    await expect(fetch(urlIn(logger))).rejects.toThrow();
  });

  it('warns of a port in use: a command may run while the application does', async () => {
    const port = await occupyPort();
    const context = await createContext({ port });
    expect(logger.lines[0]).toBe(
      `warn Port ${port} on 127.0.0.1 is in use. The metrics have no port of their own: set port to another, or use portRange.`,
    );
    await context.close();
  });
});
