import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MigrationsGateError } from '../../../lib';
import { type GateOptions, StartupGate } from '../../../lib/gate/startup';
import type { Monitor } from '../../../lib/monitor/monitor';
import type { Snapshot } from '../../../lib/monitor/snapshots';
import { fakeClock, realClock } from '../../support/clock';
import { RecordingLogger } from '../../support/logs';
import { failedCollection, readCollection, snapshotOf } from '../../support/snapshots';

const NAMES = Array.from({ length: 7 }, (_, index) => `Step${1_700_000_000_000 + index}`);

/** A connection with so many of the names applied. */
const applied = (count: number, fields: Partial<Snapshot> = {}) =>
  snapshotOf({ collection: readCollection(NAMES, NAMES.slice(0, count)), ...fields });
const failed = (reason: Parameters<typeof failedCollection>[0], fields: Partial<Snapshot> = {}) =>
  snapshotOf({ collection: failedCollection(reason), ...fields });

const UP_TO_DATE = [applied(NAMES.length)];
const BEHIND = [applied(4)];

/** A gate, and the readings that its monitor gives one after the other, the last one for ever. */
function gate(options: Partial<GateOptions>, ...readings: (readonly Snapshot[])[]) {
  const readNow = vi.fn(async () => (readings.length > 1 ? readings.shift() : readings[0]) ?? UP_TO_DATE);
  return {
    readNow,
    gate: new StartupGate({ readNow } as unknown as Monitor, {
      onUnapplied: 'fail',
      onUnreadable: 'fail',
      ...options,
    }),
  };
}

/** What a gate comes to. */
const outcome = (passed: Promise<void>) =>
  passed.then(
    () => 'passed',
    (error: Error) => error,
  );

async function messageOf(snapshots: readonly Snapshot[], options: Partial<GateOptions> = {}) {
  const result = await outcome(gate(options).gate.pass(async () => snapshots));
  expect(result).toBeInstanceOf(MigrationsGateError);
  return (result as Error).message;
}

describe('StartupGate', () => {
  const logger = new RecordingLogger();

  beforeEach(() => {
    logger.lines.length = 0;
    logger.started.length = 0;
    Logger.overrideLogger(logger);
  });
  afterEach(() => {
    realClock();
    Logger.overrideLogger(undefined as never);
  });

  it('lets pass what is up to date, and reads nothing more', async () => {
    const { gate: set, readNow } = gate({ waitFor: { timeout: 60_000, interval: 1000 } });
    await set.pass(async () => UP_TO_DATE);
    expect(readNow).not.toHaveBeenCalled();
    expect([...logger.lines, ...logger.started]).toEqual([]);
  });

  it('names the connections at fault, the first five migrations, and the command', async () => {
    const message = await messageOf([
      applied(1, { connection: 'orders' }),
      applied(7, { connection: 'users' }),
      applied(5, { connection: 'audit' }),
    ]);
    expect(message).toContain(`orders: 6 unapplied: ${NAMES.slice(1, 6).join(', ')} and 1 more\n`);
    expect(message).toContain(`audit: 2 unapplied: ${NAMES.slice(5).join(', ')}\n`);
    expect(message).toContain('npx typeorm migration:run -d');
    expect(message).not.toContain('users');
  });

  it('tells why a connection cannot be read', async () => {
    const message = await messageOf([failed('denied'), applied(7, { connection: 'users' })]);
    expect(message).toContain('default: cannot be read (denied)');
    expect(message).not.toContain('migration:run');
    expect(message).not.toContain('users');
  });

  it.each([
    [
      'onUnapplied',
      { onUnapplied: 'warn', onUnreadable: 'fail' },
      [applied(1), failed('timeout', { connection: 'users' })],
      'users',
    ],
    [
      'onUnreadable',
      { onUnapplied: 'fail', onUnreadable: 'warn' },
      [failed('timeout'), applied(1, { connection: 'users' })],
      'users',
    ],
  ] as const)('does not fail on what %s lets pass', async (_option, options, snapshots, atFault) => {
    const message = await messageOf(snapshots, options);
    expect(message).toContain(`${atFault}: `);
    expect(message).not.toContain('default: ');
  });

  it('warns in one line, and not of what cannot be read: that was warned about when it was read', async () => {
    await gate({ onUnapplied: 'warn', onUnreadable: 'warn' }).gate.pass(async () => [
      applied(4),
      failed('denied', { connection: 'users' }),
    ]);
    expect([...logger.started, ...logger.lines]).toEqual([
      'warn The application starts with unapplied migrations: default has 3 unapplied.',
    ]);
  });

  it('says nothing where that is ignored', async () => {
    await gate({ onUnapplied: 'ignore', onUnreadable: 'ignore' }).gate.pass(async () => [
      applied(4),
      failed('denied', { connection: 'users' }),
    ]);
    expect([...logger.started, ...logger.lines]).toEqual([]);
  });

  it('takes no notice of a DataSource that synchronizes', async () => {
    const { gate: set, readNow } = gate({ waitFor: { timeout: 60_000, interval: 1000 } });
    await set.pass(async () => [
      applied(4, { synchronizes: true }),
      failed('denied', { synchronizes: true }),
    ]);
    expect(readNow).not.toHaveBeenCalled();
    expect([...logger.started, ...logger.lines]).toEqual([]);
  });

  describe('that waits', () => {
    const waitFor = { timeout: 35_000, interval: 1000 };
    const waits = () => logger.lines.filter((line) => line.startsWith('log Waiting'));

    beforeEach(fakeClock);

    it('reads at the interval, and passes at once when all is applied', async () => {
      const { gate: set, readNow } = gate({ waitFor }, BEHIND, BEHIND, UP_TO_DATE);
      const passed = outcome(set.pass(async () => BEHIND));
      await vi.advanceTimersByTimeAsync(2999);
      expect(readNow).toHaveBeenCalledTimes(2);
      await vi.advanceTimersByTimeAsync(1);
      expect(await passed).toBe('passed');
      expect(logger.lines.at(-1)).toBe('log All migrations are applied, after 3.0 s.');
    });

    it('tells every ten seconds what it waits for', async () => {
      const { gate: set } = gate({ waitFor }, BEHIND);
      const passed = outcome(set.pass(async () => BEHIND));
      await vi.advanceTimersByTimeAsync(34_999);
      expect(waits()).toEqual(
        [35, 25, 15, 5].map(
          (left) => `log Waiting for migrations to be applied, ${left} s left: default has 3 unapplied.`,
        ),
      );
      await vi.advanceTimersByTimeAsync(1);
      expect(await passed).toBeInstanceOf(MigrationsGateError);
    });

    it('tells every change at once', async () => {
      const { gate: set } = gate({ waitFor }, [applied(5)], [applied(5)], [failed('timeout')], UP_TO_DATE);
      const passed = outcome(set.pass(async () => BEHIND));
      await vi.advanceTimersByTimeAsync(4000);
      expect(await passed).toBe('passed');
      expect(waits().map((line) => line.replace(/.*: /, ''))).toEqual([
        'default has 3 unapplied.',
        'default has 2 unapplied.',
        'default cannot be read (timeout).',
      ]);
    });

    it('reads once more when the time is up, though the interval is longer', async () => {
      const { gate: set, readNow } = gate({ waitFor: { timeout: 500, interval: 60_000 } }, UP_TO_DATE);
      const passed = outcome(set.pass(async () => BEHIND));
      await vi.advanceTimersByTimeAsync(500);
      expect(await passed).toBe('passed');
      expect(readNow).toHaveBeenCalledTimes(1);
    });

    it.each(['denied', 'invalid_migrations'] as const)('ends at once on %s', async (reason) => {
      const { gate: set, readNow } = gate({ waitFor }, [failed(reason)]);
      expect(await outcome(set.pass(async () => [failed(reason)]))).toBeInstanceOf(MigrationsGateError);
      expect(readNow).not.toHaveBeenCalled();
      const later = outcome(set.pass(async () => BEHIND));
      await vi.advanceTimersByTimeAsync(waitFor.interval);
      expect(await later).toBeInstanceOf(MigrationsGateError);
      expect(readNow).toHaveBeenCalledTimes(1);
    });

    it('lets the start go on when the application has been closed, and leaves no timer behind', async () => {
      const { gate: set } = gate({ waitFor }, BEHIND);
      const passed = outcome(set.pass(async () => BEHIND));
      await vi.advanceTimersByTimeAsync(1500);
      set.stop();
      await vi.advanceTimersByTimeAsync(600_000);
      expect(await Promise.race([passed, Promise.resolve('held')])).toBe('held');
      expect(await set.release()).toBe(true);
      expect(await passed).toBe('passed');
      expect(vi.getTimerCount()).toBe(0);
    });

    it.each([
      ["fails 30 s after a signal whose handler does nothing, with 'fail'", 'fail', 30_000],
      ['goes on a second after such a signal, without it', 'warn', 1000],
    ] as const)('%s', async (_what, onUnapplied, grace) => {
      const handler = () => {};
      process.on('SIGUSR2', handler);
      const { gate: set } = gate({ waitFor: { timeout: 600_000, interval: 1000 }, onUnapplied }, BEHIND);
      const passed = outcome(set.pass(async () => BEHIND));
      await vi.advanceTimersByTimeAsync(1500);
      process.emit('SIGUSR2');
      await vi.advanceTimersByTimeAsync(grace - 1);
      expect(await Promise.race([passed, Promise.resolve('held')])).toBe('held');
      await vi.advanceTimersByTimeAsync(1);
      if (onUnapplied === 'warn') expect(await passed).toBe('passed');
      else expect(await passed).toBeInstanceOf(MigrationsGateError);
      expect(vi.getTimerCount()).toBe(0);
      process.off('SIGUSR2', handler);
    });

    it.each([{}, { waitFor }])(
      'holds no start that comes after the application was closed (%o)',
      async (options) => {
        const { gate: set, readNow } = gate(options, BEHIND);
        set.stop();
        expect(await set.release()).toBe(false);
        expect(await outcome(set.pass(async () => BEHIND))).toBe('passed');
        expect(readNow).not.toHaveBeenCalled();
      },
    );

    it.each([
      ['onUnapplied', { onUnapplied: 'fail', onUnreadable: 'warn' }, BEHIND],
      ['onUnreadable', { onUnapplied: 'warn', onUnreadable: 'fail' }, [failed('timeout')]],
    ] as const)(
      'gives a handler of a signal that came before it 30 s as well (%s)',
      async (_option, options, snapshots) => {
        const handler = () => {};
        process.once('SIGTERM', handler);
        const { gate: set } = gate(options);
        process.emit('SIGTERM');
        const passed = outcome(set.pass(async () => snapshots));
        await vi.advanceTimersByTimeAsync(29_999);
        expect(await Promise.race([passed, Promise.resolve('held')])).toBe('held');
        await vi.advanceTimersByTimeAsync(1);
        expect(await passed).toBeInstanceOf(MigrationsGateError);
      },
    );

    it('holds a start for good when a signal shuts the application down', async () => {
      const handler = () => set.stop();
      process.once('SIGHUP', handler);
      const { gate: set } = gate({ waitFor }, BEHIND);
      const passed = outcome(set.pass(async () => BEHIND));
      process.emit('SIGHUP');
      await vi.advanceTimersByTimeAsync(600_000);
      expect(await set.release()).toBe(false);
      expect(await Promise.race([passed, Promise.resolve('held')])).toBe('held');
      expect(vi.getTimerCount()).toBe(0);
    });
  });
});
