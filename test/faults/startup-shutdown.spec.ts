import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { COMPILE_MS, type CompiledFixture, compileFixture } from '../support/compiled';
import type { TestDatabase } from '../support/databases';
import { endPods, type Pod, type PodEnd, SOON, startPod } from '../support/pod';
import { DRIVERS, lockTable, migrate, waitingFor } from './faults';
import type { GateSettings } from './startup-gate.fixture';

/** ms; longer than any test: of a collection that waits for the lock, and of the control's hook. */
const LONG = 600_000;
const WAITING = 'Waiting for migrations to be applied';
const waitFor = { timeout: LONG, interval: 200 };
const FAIL = { onUnapplied: 'fail', onUnreadable: 'fail' } as const;
const GATES = {
  none: {},
  waitFor: { waitFor },
  fail: FAIL,
  'fail after waitFor': { ...FAIL, waitFor },
} as const;

/** What the database has no part in is tried with the first of them. */
const dialect = DRIVERS.filter(({ available }) => available)[0]!;

/** Signals during the first collection, while another module flushes in one of its hooks. */
const SIGNALLED = [
  ['http', 'SIGTERM', 'none', 'beforeApplicationShutdown'],
  ['http', 'SIGINT', 'fail', 'onModuleDestroy'],
  ['fastify', 'SIGHUP', 'waitFor', 'onModuleDestroy'],
  ['http', 'SIGUSR2', 'fail after waitFor', 'onApplicationShutdown'],
  ['fastify', 'SIGQUIT', 'fail after waitFor', 'beforeApplicationShutdown'],
] as const;

/** A context whose own handler gets a signal: during the first collection, or while it waits. */
const CONTEXTS = [
  ['flush', 'SIGTERM', 'first collection', 'waitFor', false],
  ['flush', 'SIGHUP', 'wait', 'fail after waitFor', true],
  ['flag', 'SIGTERM', 'first collection', 'waitFor', false],
  ['flag', 'SIGUSR2', 'wait', 'waitFor', true],
] as const;

const CLOSED = [
  ['http', 'none'],
  ['fastify', 'fail after waitFor'],
] as const;

let fixture: CompiledFixture;
let locked: TestDatabase;
let behind: TestDatabase;
let unlock: (() => Promise<void>) | undefined;

const start = (server: TestDatabase, settings: Omit<GateSettings, 'connections'>): Pod =>
  startPod(fixture, {
    connections: { orders: { options: { type: dialect.type, url: server.url }, migrations: 7 } },
    ...settings,
  });

/** Processes, each with its control without the module, by the name of their test. */
const pairs = new Map<string, { pod: Pod; control: Pod | undefined }>();

/** Processes that load at the same time. */
const BATCH = 4;
const starting: Pod[] = [];

/** Many that load at once would take one another's time. */
async function loaded(): Promise<void> {
  if (starting.length >= BATCH)
    await Promise.all(starting.splice(0).map((pod) => pod.printed('InstanceLoader')));
}

/** With the module, or with a hook that holds the start instead. */
async function startPair(
  name: string,
  server: TestDatabase,
  settings: Omit<GateSettings, 'connections'>,
  control: number | undefined,
): Promise<void> {
  const pair = {
    pod: start(server, settings),
    control: control === undefined ? undefined : start(server, { ...settings, control }),
  };
  pairs.set(name, pair);
  starting.push(pair.pod);
  if (pair.control !== undefined) starting.push(pair.control);
  await loaded();
}

function pairOf(name: string): { pod: Pod; control: Pod | undefined } {
  const pair = pairs.get(name);
  if (pair === undefined) throw new Error(`No process of ${name}`);
  return pair;
}

const without = ({ code, signal }: PodEnd) => ({ code, signal });

beforeAll(
  async () => {
    [fixture, locked, behind] = await Promise.all([
      compileFixture('test/faults/startup-gate.fixture'),
      dialect.create(),
      dialect.create(),
    ]);
    await migrate(dialect, locked);
    unlock = await lockTable(dialect, locked);
    for (const [kind, signal, gate, flushIn] of SIGNALLED) {
      await startPair(
        `${kind} ${signal}`,
        locked,
        { kind, signals: 'nest', flushIn, options: { timeout: LONG, ...GATES[gate] } },
        LONG,
      );
    }
    for (const [kind, gate] of CLOSED) {
      const options = { timeout: LONG, ...GATES[gate] };
      await startPair(
        `${kind} close`,
        locked,
        { kind, flushIn: 'onApplicationShutdown', options },
        undefined,
      );
    }
    for (const [signals, signal, moment, gate, late] of CONTEXTS) {
      const server = moment === 'wait' ? behind : locked;
      const options = { port: 0, timeout: 3000, ...GATES[gate] };
      await startPair(
        `context ${signals} ${signal}`,
        server,
        { kind: 'context', signals, signal, late, options },
        signals === 'flush' ? LONG : 3000,
      );
    }
    const reading = SIGNALLED.length + CLOSED.length;
    const outputs = () => [...pairs].map(([name, { pod }]) => `${name}:\n${pod.output()}`).join('\n');
    await vi.waitFor(
      async () => expect(await waitingFor(dialect, locked), outputs()).toBeGreaterThanOrEqual(reading),
      { timeout: SOON },
    );
  },
  COMPILE_MS + 4 * SOON,
);

afterAll(async () => {
  await endPods();
  await unlock?.();
  await locked.drop();
  await behind.drop();
  await fixture.remove();
});

describe.concurrent('a shutdown while the application starts', { timeout: 2 * SOON }, () => {
  it.each(SIGNALLED)(
    'runs to its end, as without the module (%s, %s, gate: %s, flushing in %s)',
    async (kind, signal) => {
      const { pod, control } = pairOf(`${kind} ${signal}`);
      await control?.printed('HOLDING');
      for (const process of [pod, control]) process?.kill(signal);
      const [end, expected] = await Promise.all([pod.ended(), control?.ended()]);
      expect(end.output).toContain('FLUSHED');
      expect(end.output).not.toMatch(/MigrationsGateError|STARTED/);
      expect(without(end), end.output).toEqual({ code: null, signal });
      expect(without(expected as PodEnd)).toEqual(without(end));
    },
  );

  it.each(CLOSED)('by app.close() leaves no server behind (%s, gate: %s)', async (kind) => {
    const { pod } = pairOf(`${kind} close`);
    pod.tell();
    const end = await pod.ended();
    expect(without(end), end.output).toEqual({ code: 0, signal: null });
    expect(end.output).toMatch(/FLUSHED[^]*CLOSED/);
    expect(end.output).not.toContain('MigrationsGateError');
  });

  it.each(CONTEXTS)(
    'is up to the handler in a context (%s, %s during the %s, gate: %s, added late: %s)',
    async (signals, signal, moment, _gate, late) => {
      const { pod, control } = pairOf(`context ${signals} ${signal}`);
      await Promise.all([
        // The port is opened before the first collection.
        pod.printed(moment === 'wait' ? WAITING : 'Metrics are served on'),
        control?.printed('HOLDING'),
      ]);
      for (const process of [pod, control]) {
        if (late) process?.tell();
        await process?.printed('HANDLED');
        process?.kill(signal);
      }
      const [end, expected] = await Promise.all([pod.ended(), control?.ended()]);
      expect(without(end), end.output).toEqual({ code: signals === 'flush' ? 7 : 0, signal: null });
      expect(without(expected as PodEnd)).toEqual(without(end));
      expect(end.output).toContain(signals === 'flush' ? 'FLUSHED' : 'STARTED');
      expect(end.output).not.toContain('MigrationsGateError');
    },
  );
});
