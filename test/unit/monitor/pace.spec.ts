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

/** A clock that only work moves on. */
function workClock() {
  const work = { milliseconds: 1000 };
  vi.spyOn(clock, 'now').mockImplementation(() => work.milliseconds);
  return work;
}

function begin(pace: Pace<number>, ...holders: number[]): void {
  for (const holder of holders) pace.begin(holder);
}

describe('Pace', () => {
  it('lets so many begin at once, and another when one has ended', () => {
    const pace = new Pace<number>(2, () => {});
    expect(pace.mayBegin()).toBe(true);
    begin(pace, 1, 2);
    expect(pace.mayBegin()).toBe(false);
    workClock();
    pace.end(1);
    begin(pace, 3);
    expect(pace.mayBegin()).toBe(false);
  });

  it('does not wait longer for a slow server, whatever timers a test fakes', async () => {
    vi.useFakeTimers();
    await new Promise<void>((resolve) => {
      const pace = new Pace<number>(2, () => {
        if (pace.mayBegin()) resolve();
      });
      begin(pace, 1, 2);
      expect(pace.mayBegin()).toBe(false);
    });
  });

  it('gives the event loop its turn after some work, whatever timers a test fakes', async () => {
    vi.useFakeTimers();
    const work = workClock();
    const resume = vi.fn();
    const pace = new Pace<number>(2, resume);
    begin(pace, 1, 2);
    pace.end(1);
    pace.end(2);
    expect([pace.mayBegin(), pace.mayBegin(), resume.mock.calls.length]).toEqual([false, false, 0]);
    await setImmediate();
    expect([pace.mayBegin(), resume.mock.calls.length]).toEqual([true, 1]);
    begin(pace, 3, 4);
    pace.end(3);
    pace.end(4);
    // No work: as many as there are.
    expect(pace.mayBegin()).toBe(true);
    work.milliseconds += 10;
    expect(pace.mayBegin()).toBe(false);
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
