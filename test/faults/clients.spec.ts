import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApplicationProcess } from '../support/application-process';
import { COMPILE_MS, type CompiledFixture, compileFixture } from '../support/compiled';

const REQUEST = 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n';
const HALF_A_REQUEST = 'GET /metrics HTTP/1.1\r\nHost: ';
/** MB that hostile clients may cost. */
const MOST_MEMORY = 60;
/** ms that a scrape of somebody else may take meanwhile. */
const SLOWEST = 1000;

describe("hostile clients of the metrics' own port", () => {
  let fixture: CompiledFixture;
  let application: ApplicationProcess;
  const sockets: Socket[] = [];
  const rows = [
    ['client', 'memory before, MB', 'peak, MB', "slowest neighbour's scrape, ms"],
    Array(4).fill('---'),
  ];

  beforeAll(async () => {
    fixture = await compileFixture('test/faults/application.fixture');
  }, COMPILE_MS);
  afterAll(async () => {
    await fixture.remove();
    console.log(['Own port:', '', ...rows.map((cells) => `| ${cells.join(' | ')} |`)].join('\n'));
  });
  beforeEach(async () => {
    application = await ApplicationProcess.start(fixture, {
      connection: { type: 'better-sqlite3', database: ':memory:' },
      migrations: 45,
      held: 0,
      module: { port: 0, maxAge: 0, defaultMetrics: true },
    });
    for (let scrape = 0; scrape < 20; scrape += 1) await scrapeOnce();
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    application.kill();
  });

  async function scrapeOnce(): Promise<number> {
    const startedAt = performance.now();
    const response = await fetch(application.ownUrl, { headers: { connection: 'close' } });
    expect(await response.text()).toContain('typeorm_migrations_applied_total{connection="default"} 0');
    return performance.now() - startedAt;
  }

  /** A client that connects, and does not read. */
  async function silent(): Promise<Socket> {
    const { hostname, port } = new URL(application.ownUrl);
    const socket = connect(Number(port), hostname).on('error', () => {});
    socket.pause();
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  }

  /** Scrapes as a neighbour until something has happened, and notes what that cost. */
  async function costOf(name: string, attack: () => Promise<unknown>) {
    const before = await application.peakMemory();
    let isOver = false;
    const attacking = attack().finally(() => (isOver = true));
    let slowest = 0;
    do slowest = Math.max(slowest, await scrapeOnce());
    while (!isOver);
    await attacking;
    const peak = await application.peakMemory();
    rows.push([name, before.toFixed(0), peak.toFixed(0), slowest.toFixed(0)]);
    expect(peak - before).toBeLessThan(MOST_MEMORY);
    expect(slowest).toBeLessThan(SLOWEST);
    expect(application.errors).toBe('');
  }

  it.each([
    ['of the metrics', REQUEST],
    ['of a path that there is not', 'GET /other HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['of a method that there is not', 'DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('cut off: 20,000 requests %s at once, and no answer is read', async (what, request) => {
    await costOf(`20,000 requests ${what} at once`, async () => {
      const socket = await silent();
      socket.write(request.repeat(20_000));
      await closed(socket);
    });
  });

  it('cut off: one request after the other, and no answer is read', async () => {
    await costOf('requests without end', async () => {
      const socket = await silent();
      const dripping = setInterval(() => socket.write(REQUEST), 1);
      await closed(socket);
      clearInterval(dripping);
    });
  });

  it('let a neighbour in: hundreds of clients that say nothing or half of something', async () => {
    await costOf('300 silent clients, 300 with half a request', async () => {
      for (let count = 0; count < 300; count += 1) {
        await silent();
        (await silent()).write(HALF_A_REQUEST);
      }
      // As long as they are there: each of these has a connection of its own.
      for (let scrape = 0; scrape < 20; scrape += 1) await scrapeOnce();
    });
    const end = await application.end('close', 3000);
    expect(end).toMatchObject({ code: 0, ms: expect.any(Number) as number });
    expect(end.ms).toBeLessThan(SLOWEST);
  });
});

/** The server has closed a connection; one that does not read learns it only by writing. */
async function closed(socket: Socket): Promise<void> {
  const prodding = setInterval(() => socket.write(' '), 20);
  // Not by once(), which fails with the error of the write.
  await new Promise<void>((resolve) => socket.on('close', () => resolve()));
  clearInterval(prodding);
}
