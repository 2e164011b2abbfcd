import { setTimeout as wait } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { judgeDrift, type ReadState } from '../../../lib/drift/judge';
import type { DriftReading } from '../../../lib/drift/reading';
import { DriftSchedule, type DriftTarget } from '../../../lib/drift/schedule';
import type { MigrationState } from '../../../lib/migration/state';

/** Drift of MongoDB is told at once: there is none to tell. */
const dataSource = { isInitialized: true, options: { type: 'mongodb' } } as unknown as DataSource;

const state = (lists: Partial<MigrationState> = {}): MigrationState => ({
  defined: [],
  applied: [],
  unapplied: [],
  unknown: [],
  outOfOrder: [],
  ...lists,
});

describe('Judging drift', () => {
  const skipUnder = async (...states: (MigrationState | undefined)[]) => {
    const reading = await judgeDrift(dataSource, async () => states.shift(), { timeout: 100 });
    return 'skipped' in reading ? reading.skipped : undefined;
  };

  it('asks for the migrations first', async () => {
    expect(await skipUnder(undefined)).toBe('unreadable');
    expect(await skipUnder(state({ unapplied: ['A1'] }))).toBe('unapplied');
    expect(await skipUnder(state({ unknown: ['A1'] }))).toBe('unapplied');
    expect(await skipUnder(state({ applied: ['A1'], outOfOrder: ['A1'] }))).toBe('unsupported');
  });
});

describe('The schedule of drift', () => {
  let schedule: DriftSchedule | undefined;
  afterEach(() => schedule?.stop());

  /** Reads of one connection, and what they came to. */
  function run(target: Partial<DriftTarget> = {}, interval = 20) {
    const readings: DriftReading[] = [];
    schedule = new DriftSchedule({
      interval,
      timeout: 1000,
      targets: () => [{ connection: 'default', dataSource, state: async () => state(), ...target }],
      onReading: (_target, reading) => readings.push(reading),
    });
    schedule.start();
    return { schedule, readings };
  }

  it('reads at once, and again after each interval', async () => {
    const { readings } = run();
    await wait(5);
    expect(readings).toHaveLength(1);
    await expect.poll(() => readings.length).toBeGreaterThan(3);
    expect(readings[0]).toEqual({ skipped: 'unsupported', checkedAt: expect.any(Number) as number });
  });

  it('never reads while it reads', async () => {
    let underWay = 0;
    let most = 0;
    const slow: ReadState = async () => {
      most = Math.max(most, (underWay += 1));
      await wait(30);
      underWay -= 1;
      return undefined;
    };
    const { readings } = run({ state: slow }, 1);
    await expect.poll(() => readings.length).toBeGreaterThan(2);
    expect(most).toBe(1);
  });

  it('reads one connection after the other, each though another fails', async () => {
    const order: string[] = [];
    const target = (connection: string, work: () => Promise<MigrationState | undefined>): DriftTarget => ({
      connection,
      dataSource,
      state: async () => {
        order.push(`${connection} starts`);
        return work();
      },
    });
    schedule = new DriftSchedule({
      interval: 10_000,
      timeout: 1000,
      targets: () => [
        target('slow', async () => {
          await wait(10);
          return undefined;
        }),
        target('broken', () => Promise.reject(new Error('of the application'))),
        target('last', async () => undefined),
      ],
      onReading: ({ connection }, reading) =>
        order.push(`${connection}: ${'skipped' in reading ? reading.skipped : reading.statements}`),
    });
    schedule.start();
    await expect
      .poll(() => order)
      .toEqual([
        'slow starts',
        'slow: unreadable',
        'broken starts',
        'broken: other',
        'last starts',
        'last: unreadable',
      ]);
  });

  it('asks again after the connections could not be listed', async () => {
    let asked = 0;
    schedule = new DriftSchedule({
      interval: 5,
      timeout: 1000,
      targets: () => {
        asked += 1;
        throw new Error('none yet');
      },
      onReading: () => {},
    });
    schedule.start();
    await expect.poll(() => asked).toBeGreaterThan(1);
  });

  it('tells nothing and starts nothing after it was stopped', async () => {
    let answer!: () => void;
    const held = new Promise<undefined>((resolve) => (answer = () => resolve(undefined)));
    const { schedule, readings } = run({ state: () => held }, 1);
    schedule.stop();
    answer();
    schedule.start();
    await wait(20);
    expect(readings).toEqual([]);
  });

  it('does not keep a process alive', async () => {
    // Those that are not unref'd.
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const { readings } = run({}, 60_000);
    await wait(5);
    expect(readings).toHaveLength(1);
    expect(timers()).toBe(before);
  });
});
