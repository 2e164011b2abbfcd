import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { clock } from '../../../lib/clock';
import type { PlaceHolder } from '../../../lib/migration/reader';
import { Pace } from '../../../lib/monitor/pace';
import { BoundedPlaces } from '../../../lib/monitor/places';

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Collections that may begin at once before their cost is known. */
const FIRST = [1, 2, 3, 4, 5, 6, 7, 8];

/** A clock that only work moves on. */
function workClock() {
  const work = { milliseconds: 1000 };
  vi.spyOn(clock, 'now').mockImplementation(() => work.milliseconds);
  vi.spyOn(clock, 'worked').mockImplementation(() => work.milliseconds);
  return work;
}

function begin(pace: Pace<number>, ...holders: number[]): void {
  for (const holder of holders) pace.begin(holder);
}

/** Lets so many begin, each of which takes so many milliseconds of work. */
function work(pace: Pace<number>, count: number, milliseconds: number, clock: { milliseconds: number }) {
  const holders = Array.from({ length: count }, (_, index) => index);
  begin(pace, ...holders);
  for (const holder of holders) {
    clock.milliseconds += milliseconds;
    pace.end(holder);
  }
}

/** Lets begin as many as may begin at once, a thousand at the most, and returns how many those are. */
function fill(pace: Pace<number>): number {
  let burst = 0;
  for (; burst < 1000 && pace.mayBegin(); burst += 1) pace.begin(1000 + burst);
  return burst;
}

/** How many may begin at once when the event loop has had its turn. */
async function burstOf(pace: Pace<number>): Promise<number> {
  fill(pace);
  await vi.waitFor(() => expect(pace.mayBegin()).toBe(true));
  return fill(pace);
}

describe('Pace', () => {
  it('lets some begin at once, and another when one has ended', () => {
    const pace = new Pace<number>(() => {});
    expect(pace.mayBegin()).toBe(true);
    begin(pace, ...FIRST);
    expect(pace.mayBegin()).toBe(false);
    workClock();
    pace.end(1);
    begin(pace, 9);
    expect(pace.mayBegin()).toBe(false);
  });

  it('does not wait longer for a slow server, whatever timers a test fakes', async () => {
    vi.useFakeTimers();
    await new Promise<void>((resolve) => {
      const pace = new Pace<number>(() => {
        if (pace.mayBegin()) resolve();
      });
      begin(pace, ...FIRST);
      expect(pace.mayBegin()).toBe(false);
    });
  });

  it('gives the event loop its turn after some work, whatever timers a test fakes', async () => {
    vi.useFakeTimers();
    const clock = workClock();
    const resume = vi.fn();
    const pace = new Pace<number>(resume);
    work(pace, 8, 0, clock);
    expect([pace.mayBegin(), pace.mayBegin(), resume.mock.calls.length]).toEqual([false, false, 0]);
    await setImmediate();
    expect([pace.mayBegin(), resume.mock.calls.length]).toEqual([true, 1]);
    work(pace, 8, 0, clock);
    // No work: as many as there are.
    expect(pace.mayBegin()).toBe(true);
    clock.milliseconds += 10;
    expect(pace.mayBegin()).toBe(false);
  });

  it.each([
    ['as many as it works off in one turn', 0.0625, 64],
    ['those that cost nothing all at once', 0, 1000],
    ['a few that take long', 5, 8],
  ])('lets %s begin at once', async (_which, milliseconds, burst) => {
    const clock = workClock();
    const pace = new Pace<number>(() => {});
    work(pace, 20, milliseconds, clock);
    expect(await burstOf(pace)).toBe(burst);
  });

  it('learns that they have become dearer', async () => {
    const clock = workClock();
    const pace = new Pace<number>(() => {});
    work(pace, 64, 0.0625, clock);
    work(pace, 64, 0.25, clock);
    expect(await burstOf(pace)).toBe(16);
  });
});

describe('BoundedPlaces', () => {
  it.each([16, 50])(
    'spreads 50 collections over turns of the event loop, %i at a time',
    async (concurrency) => {
      const COUNT = 50;
      const work = workClock();
      const places = new BoundedPlaces(concurrency);
      let done = 0;
      let inTurn = 0;
      let most = 0;
      // As a driver without a server does it: answered in the same turn of the event loop.
      const collection = (): PlaceHolder => ({
        isOverdue: false,
        letGo: () => false,
        start() {
          void Promise.resolve().then(() => {
            work.milliseconds += 1;
            most = Math.max(most, (inTurn += 1));
            done += 1;
            places.leave(this);
          });
        },
      });
      for (let index = 0; index < COUNT; index += 1) places.enter(collection());
      while (done < COUNT) {
        await setImmediate();
        inTurn = 0;
      }
      expect(most).toBeLessThan(20);
    },
  );
});
