import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { clock } from '../../../lib/clock';
import { failureOf } from '../../../lib/migration/failure';
import {
  type Collection,
  MigrationReader,
  type PlaceHolder,
  type Places,
} from '../../../lib/migration/reader';
import { joinMigrations, type MigrationState, orderMigrations } from '../../../lib/migration/state';
import { BoundedPlaces } from '../../../lib/monitor/places';
import { fakeClock, realClock } from '../../support/clock';

const TIMEOUT = 1000;

/** A database that answers when it is told to. */
class Database {
  private readonly pending: { resolve: (state: MigrationState) => void; reject: (error: unknown) => void }[] =
    [];
  asked = 0;
  destroyed = 0;
  /** Whether its connections can be destroyed. */
  letsGo = true;

  readonly begin = () => {
    this.asked += 1;
    let fail!: (error: unknown) => void;
    const state = new Promise<MigrationState>((resolve, reject) => {
      this.pending.push({ resolve, reject });
      fail = reject;
    });
    const destroy = () => {
      if (!this.letsGo) return false;
      this.destroyed += 1;
      fail(Object.assign(new Error('destroyed'), { code: 'ECONNRESET' }));
      return true;
    };
    return { state, released: state.then(ignore, ignore), destroy };
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

function ignore(): void {}

let database: Database;
let collections: Collection[];

/** A reader that answers as those who wait for it see it. */
function reader(places: Places = new BoundedPlaces(16)) {
  const one = new MigrationReader({
    timeout: TIMEOUT,
    places,
    begin: database.begin,
    explain: (error) => failureOf(error, 'postgres'),
    onCollection: (collection) => collections.push(collection),
  });
  return {
    async read(maxAge: number | 'now'): Promise<Collection> {
      if (maxAge === 'now') return one.now();
      await one.refresh(maxAge)?.answer();
      return one.latest as Collection;
    },
    abandon: () => one.abandon(),
  };
}

beforeEach(() => {
  fakeClock();
  database = new Database();
  collections = [];
});
afterEach(async () => {
  await vi.advanceTimersByTimeAsync(TIMEOUT);
  expect(vi.getTimerCount()).toBe(0);
  realClock();
});

describe('MigrationReader', () => {
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

  it('abandons one after ten time-outs, and never has more than two unanswered', async () => {
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

    // The second answers: the way is free.
    await database.answersLast();
    const fresh = one.read(0);
    expect(database.asked).toBe(3);
    await database.answersLast();
    await expect(fresh).resolves.toMatchObject({ status: 'read' });
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

  it('destroys the connection of what it abandons, and counts it as unanswered until the database answers', async () => {
    const one = reader();
    void one.read(0);
    await vi.advanceTimersByTimeAsync(10 * TIMEOUT);
    void one.read(0);
    expect([database.asked, database.destroyed]).toEqual([2, 1]);
    await vi.advanceTimersByTimeAsync(30 * TIMEOUT);
    await one.read(0);
    // Its statement may still be under way on the server.
    expect([database.asked, database.destroyed]).toEqual([2, 1]);
    await database.answersLast();
    void one.read(0);
    expect(database.asked).toBe(3);
    await database.answersLast();
  });

  it('asks once in ten time-outs where every connection was destroyed: only that shows a database that is back', async () => {
    const holders = new Set<PlaceHolder>();
    const one = reader({
      enter(holder) {
        holders.add(holder);
        holder.start();
      },
      leave: (holder) => holders.delete(holder),
      // As for somebody else who waits for a place.
      review: () => holders.forEach((holder) => holder.letGo()),
    });
    for (let tries = 1; tries <= 4; tries += 1) {
      void one.read(0);
      expect(database.asked).toBe(tries);
      await vi.advanceTimersByTimeAsync(10 * TIMEOUT - 1);
      await one.read(0);
      expect(database.asked).toBe(tries);
      await vi.advanceTimersByTimeAsync(1);
    }
    const next = one.read(0);
    await database.answersLast();
    await expect(next).resolves.toMatchObject({ status: 'read' });
    expect(holders.size).toBe(0);
  });

  it('keeps the place of a statement that its driver does not let go of, until the database answers', async () => {
    database.letsGo = false;
    const places = new BoundedPlaces(1);
    const one = reader(places);
    void one.read(0);
    await vi.advanceTimersByTimeAsync(10 * TIMEOUT);
    void one.read(0);
    await vi.advanceTimersByTimeAsync(10 * TIMEOUT);
    expect(database.asked).toBe(1);
    await database.answers();
    expect(database.asked).toBe(2);
    await database.answers('A1700000000000');
    expect(await one.read(Infinity)).toMatchObject({ state: { applied: ['A1700000000000'] } });
  });

  it('frees the places of what was lost when the database answers another', async () => {
    database.letsGo = false;
    const places = new BoundedPlaces(2);
    const one = reader(places);
    for (let failover = 1; failover <= 3; failover += 1) {
      void one.read(0);
      await vi.advanceTimersByTimeAsync(10 * TIMEOUT);
      const fresh = one.read(0);
      await database.answersLast();
      await expect(fresh).resolves.toMatchObject({ status: 'read' });
    }
  });

  it('answers those who wait when it is abandoned, and keeps nothing of that', async () => {
    const one = reader();
    const now = one.read('now');
    one.abandon();
    expect(await now).toMatchObject({ status: 'failed', reason: 'timeout' });
    expect([database.destroyed, collections]).toEqual([1, []]);
    const next = one.read(0);
    await database.answersLast();
    expect(await next).toMatchObject({ status: 'read' });
  });

  it('does not begin another for those who waited for one to end that was abandoned', async () => {
    const one = reader();
    void one.read(0);
    await vi.advanceTimersByTimeAsync(1);
    const now = one.read('now');
    one.abandon();
    expect(await now).toMatchObject({ status: 'failed', reason: 'timeout' });
    expect([database.asked, collections]).toEqual([1, []]);
  });

  it('tells each collection once, in the order in which they began', async () => {
    const one = reader();
    void one.read(0);
    await database.answers();
    void one.read(0);
    await database.fails(Object.assign(new Error('host'), { code: 'ECONNREFUSED' }));
    expect(collections.map(({ status }) => status)).toEqual(['read', 'failed']);
    expect(collections[1]?.sequence).toBeGreaterThan(collections[0]?.sequence ?? Infinity);
  });

  it('is not fooled by a clock that stands still or goes back', async () => {
    const one = reader();
    vi.mocked(clock.now).mockReturnValue(5000);
    for (const names of [['A1700000000000'], ['A1700000000000', 'B1700000000001']]) {
      const now = one.read('now');
      await database.answers(...names);
      expect(await now).toMatchObject({ state: { applied: names } });
    }
    expect(collections).toHaveLength(2);
    vi.mocked(clock.now).mockReturnValue(1000);
    const back = one.read(500);
    await database.answers();
    expect(await back).toMatchObject({ state: { applied: [] } });
  });

  it('takes an answer that a busy event loop lets overtake the time-out for a failure', async () => {
    const reading = reader().read(0);
    vi.mocked(clock.now).mockReturnValue(performance.now() + TIMEOUT + 1);
    await database.answers('A1700000000000');
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

    it('does not ask again where it was abandoned meanwhile', async () => {
      const one = reader();
      void one.read(0);
      const now = one.read('now');
      one.abandon();
      expect(await now).toMatchObject({ reason: 'timeout' });
      expect(database.asked).toBe(1);
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
