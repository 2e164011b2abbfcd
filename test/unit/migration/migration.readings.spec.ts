import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MigrationReader, ReadingOutcome } from '../../../lib/migration/migration.reader';
import { readAll } from '../../../lib/migration/migration.readings';
import { joinMigrations, orderMigrations } from '../../../lib/migration/migration.state';

const TIMEOUT = 1000;
let reading = 0;
let most = 0;

/** A connection that answers after so many milliseconds, or times out. */
function connection(answersAfter: number): MigrationReader {
  return {
    read: async (): Promise<ReadingOutcome> => {
      most = Math.max(most, (reading += 1));
      const took = Math.min(answersAfter, TIMEOUT);
      await new Promise((resolve) => setTimeout(resolve, took));
      reading -= 1;
      const answer = { startedAt: 0, at: Date.now(), durationSeconds: took / 1000 };
      return answersAfter < TIMEOUT
        ? { status: 'read', state: joinMigrations(orderMigrations([]), new Set()), ...answer }
        : { status: 'failed', reason: 'timeout', ...answer };
    },
    giveUp: () => ({ status: 'failed', reason: 'timeout', startedAt: 0, at: Date.now(), durationSeconds: 1 }),
  };
}

async function readFor(milliseconds: number, connections: MigrationReader[], concurrency: number) {
  const outcomes = readAll(connections, { maxAge: 0, concurrency, timeout: TIMEOUT });
  let done: readonly ReadingOutcome[] | undefined;
  void outcomes.then((all) => (done = all));
  await vi.advanceTimersByTimeAsync(milliseconds);
  return done?.map(({ status }) => status);
}

beforeEach(() => {
  vi.useFakeTimers();
  reading = most = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

describe('readAll', () => {
  it('reads nothing of nothing', async () => {
    expect(await readFor(0, [], 16)).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('reads no more than concurrency at a time, and answers in the order asked', async () => {
    const connections = Array.from({ length: 10 }, (_, index) => connection(10 + (index % 3)));
    expect(await readFor(60, connections, 4)).toEqual(Array(10).fill('read'));
    expect(most).toBe(4);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('one that hangs delays none of the rest', async () => {
    const all = [connection(Infinity), ...Array.from({ length: 9 }, () => connection(10))];
    expect(await readFor(TIMEOUT, all, 2)).toEqual(['failed', ...Array<string>(9).fill('read')]);
  });

  it('leaves the last of many rounds of slow ones enough time for their answer', async () => {
    const slow = Array.from({ length: 52 }, () => connection(TIMEOUT / 8));
    expect(await readFor(TIMEOUT, slow, 4)).toEqual(Array(52).fill('read'));
  });

  it('answers within the time-out, and reads those that can be read, with more hanging than places', async () => {
    const hanging = Array.from({ length: 40 }, () => connection(Infinity));
    const healthy = Array.from({ length: 4 }, () => connection(5));
    const statuses = await readFor(TIMEOUT, [...hanging, ...healthy], 4);
    expect(statuses).toEqual([...Array<string>(40).fill('failed'), ...Array<string>(4).fill('read')]);
    await vi.advanceTimersByTimeAsync(TIMEOUT);
    expect(vi.getTimerCount()).toBe(0);
  });
});
