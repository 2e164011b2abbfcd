import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { singleFlightReader } from '../../../lib/migration/migration.reader';
import { joinMigrations, type MigrationState, orderMigrations } from '../../../lib/migration/migration.state';

const TIMEOUT = 1000;

/** A database that answers when it is told to. */
class Database {
  private readonly pending: { resolve: (state: MigrationState) => void; reject: (error: unknown) => void }[] =
    [];
  asked = 0;

  readonly read = () => {
    this.asked += 1;
    return new Promise<MigrationState>((resolve, reject) => this.pending.push({ resolve, reject }));
  };
  async answers(...names: string[]): Promise<void> {
    this.pending.shift()?.resolve(joinMigrations(orderMigrations([]), new Set(names)));
    await vi.advanceTimersByTimeAsync(0);
  }
  async answersLast(): Promise<void> {
    this.pending.pop()?.resolve(joinMigrations(orderMigrations([]), new Set()));
    await vi.advanceTimersByTimeAsync(0);
  }
  async fails(error: unknown): Promise<void> {
    this.pending.shift()?.reject(error);
    await vi.advanceTimersByTimeAsync(0);
  }
}

let database: Database;
const reader = () =>
  singleFlightReader({ timeout: TIMEOUT, read: database.read, reason: () => 'unreachable' });

beforeEach(() => {
  vi.useFakeTimers();
  database = new Database();
});
afterEach(async () => {
  await vi.advanceTimersByTimeAsync(TIMEOUT);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('singleFlightReader', () => {
  it('answers what it read, and how long that took', async () => {
    const reading = reader().read(0);
    await vi.advanceTimersByTimeAsync(250);
    await database.answers('A1700000000000');
    await expect(reading).resolves.toMatchObject({
      status: 'read',
      state: { applied: ['A1700000000000'] },
      durationSeconds: 0.25,
      at: Date.now(),
    });
  });

  it('answers a failure, with the code that a log may tell', async () => {
    const reading = reader().read(0);
    await database.fails(Object.assign(new Error('host'), { code: 'ECONNREFUSED' }));
    await expect(reading).resolves.toMatchObject({
      status: 'failed',
      reason: 'unreachable',
      detail: 'ECONNREFUSED',
    });
  });

  it('shares the reading under way: one who joins late waits only for what is left', async () => {
    const one = reader();
    const first = one.read(0);
    await vi.advanceTimersByTimeAsync(TIMEOUT - 1);
    const second = one.read(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(await second).toBe(await first);
    expect(await first).toMatchObject({ status: 'failed', reason: 'timeout', durationSeconds: 1 });
    expect(database.asked).toBe(1);
    await database.answers();
  });

  it('gives out a reading younger than maxAge without asking', async () => {
    const one = reader();
    const first = one.read(500);
    await database.answers();
    await vi.advanceTimersByTimeAsync(499);
    expect(await one.read(500)).toBe(await first);
    await vi.advanceTimersByTimeAsync(1);
    const second = one.read(500);
    await database.answers();
    expect(await second).not.toBe(await first);
    expect(database.asked).toBe(2);
  });

  it('does not ask a database that hangs again, and asks once it has answered', async () => {
    const one = reader();
    const hanging = one.read(0);
    await vi.advanceTimersByTimeAsync(TIMEOUT);
    for (let scrape = 0; scrape < 5; scrape += 1) {
      expect(await one.read(0)).toBe(await hanging);
    }
    expect(database.asked).toBe(1);

    await database.answers('A1700000000000');
    const next = one.read(0);
    await database.answers('A1700000000000');
    await expect(next).resolves.toMatchObject({ status: 'read' });
    expect(database.asked).toBe(2);
  });

  it('gives up a reading after ten time-outs, and never has more than two unanswered', async () => {
    const one = reader();
    void one.read(0);
    await vi.advanceTimersByTimeAsync(10 * TIMEOUT - 1);
    await one.read(0);
    expect(database.asked).toBe(1);

    await vi.advanceTimersByTimeAsync(1);
    void one.read(0);
    expect(database.asked).toBe(2);
    await vi.advanceTimersByTimeAsync(30 * TIMEOUT);
    await one.read(0);
    expect(database.asked).toBe(2);

    // The first, long given up, answers: its place is free, its answer is not taken.
    await database.answers('Old1700000000000');
    const fresh = one.read(0);
    expect(database.asked).toBe(3);
    await database.answers();
    await database.answers('New1700000000001');
    await expect(fresh).resolves.toMatchObject({ status: 'read', state: { applied: ['New1700000000001'] } });
  });

  it('gives up a second lost connection as well, once it was read in between', async () => {
    const one = reader();
    for (let failover = 1; failover <= 3; failover += 1) {
      void one.read(0);
      await vi.advanceTimersByTimeAsync(10 * TIMEOUT);
      const fresh = one.read(0);
      // What was lost stands first in the queue, and is never answered.
      await database.answersLast();
      await expect(fresh).resolves.toMatchObject({ status: 'read' });
      expect(database.asked).toBe(2 * failover);
    }
  });

  it('counts the reading under way as timed out when the waiting is given up', async () => {
    const one = reader();
    const reading = one.read(0);
    await vi.advanceTimersByTimeAsync(TIMEOUT / 2);
    const givenUp = one.giveUp();
    expect(givenUp).toMatchObject({ status: 'failed', reason: 'timeout', durationSeconds: 0.5 });
    expect(await reading).toBe(givenUp);
    await database.answers('Late1700000000000');
    expect(await one.read(TIMEOUT)).toBe(givenUp);
  });

  it('takes an answer that a busy event loop lets overtake the time-out for a failure', async () => {
    const reading = reader().read(0);
    const now = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + TIMEOUT + 1);
    await database.answers('A1700000000000');
    now.mockRestore();
    await expect(reading).resolves.toMatchObject({ status: 'failed', reason: 'timeout' });
  });

  describe("read('now')", () => {
    it('asks whatever the age of the last reading', async () => {
      const one = reader();
      void one.read(0);
      await database.answers();
      const now = one.read('now');
      await database.answers('A1700000000000');
      await expect(now).resolves.toMatchObject({ state: { applied: ['A1700000000000'] } });
    });

    it('does not take a reading for its own that was under way before', async () => {
      const one = reader();
      void one.read(0);
      await vi.advanceTimersByTimeAsync(1);
      const [now, another] = [one.read('now'), one.read('now')];
      await database.answers();
      await database.answers('A1700000000000');
      await expect(now).resolves.toMatchObject({ state: { applied: ['A1700000000000'] } });
      expect(await another).toBe(await now);
      expect(database.asked).toBe(2);
    });

    it('does not ask a database that hangs', async () => {
      const one = reader();
      void one.read(0);
      await vi.advanceTimersByTimeAsync(TIMEOUT + 1);
      await expect(one.read('now')).resolves.toMatchObject({ reason: 'timeout' });
      expect(database.asked).toBe(1);
      await database.answers();
    });
  });
});
