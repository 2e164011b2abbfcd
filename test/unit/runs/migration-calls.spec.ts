import { setTimeout as wait } from 'node:timers/promises';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { type CallListener, listenToCalls } from '../../../lib/runs/migration-calls';

const queryRunner = {} as QueryRunner;

class Heard implements CallListener {
  readonly calls: string[] = [];
  succeeded(name: string): void {
    this.calls.push(name);
  }
  failed(name: string, _seconds: number, error: unknown): void {
    this.calls.push(`${name}: ${(error as Error).message}`);
  }
}

class First1700000000000 implements MigrationInterface {
  readonly #secret = 'kept';
  readonly given: unknown[] = [];
  async up(runner: QueryRunner): Promise<string> {
    this.given.push(this.#secret, runner);
    return 'result';
  }
  async down(): Promise<void> {}
}

/** A migration whose `up` is what a test wants. */
function migrationOf(up: () => unknown, name = 'Own1700000000000'): MigrationInterface {
  return { name, up, down: async () => {} } as MigrationInterface;
}

describe('listenToCalls', () => {
  it('tells of each call by the name of the migration, and how long it took', async () => {
    const times: number[] = [];
    const migration = migrationOf(() => wait(30));

    await listenToCalls(
      [migration],
      'up',
      { succeeded: (name, seconds) => times.push(seconds), failed: () => {} },
      () => migration.up(queryRunner),
    );

    expect(times).toHaveLength(1);
    expect(times[0]).toBeGreaterThan(0.025);
    expect(times[0]).toBeLessThan(5);
  });

  it('passes on `this`, the arguments, and the very result', async () => {
    const heard = new Heard();
    const migration = new First1700000000000();
    const promise = Promise.resolve('own');
    const own = migrationOf(() => promise);

    await listenToCalls([migration, own], 'up', heard, async () => {
      expect(await migration.up(queryRunner)).toBe('result');
      expect(own.up(queryRunner)).toBe(promise);
    });

    expect(migration.given).toEqual(['kept', queryRunner]);
    expect(heard.calls.sort()).toEqual(['First1700000000000', 'Own1700000000000']);
  });

  it('throws and rejects with the very error, and tells of it', async () => {
    const heard = new Heard();
    const error = new Error('no');
    const rejecting = migrationOf(() => Promise.reject(error), 'A1');
    const throwing = migrationOf(() => {
      throw error;
    }, 'B2');

    await listenToCalls([rejecting, throwing], 'up', heard, async () => {
      await expect(rejecting.up(queryRunner)).rejects.toBe(error);
      expect(() => throwing.up(queryRunner)).toThrow(error);
    });

    expect(heard.calls).toEqual(['A1: no', 'B2: no']);
  });

  it('gives back the methods as they were, inherited ones and own ones', async () => {
    const inherited = new First1700000000000();
    const own = migrationOf(async () => {});
    Object.defineProperty(own, 'up', { enumerable: false });
    const before = Object.getOwnPropertyDescriptor(own, 'up');
    const work = () => {
      expect(Object.hasOwn(inherited, 'up')).toBe(true);
      expect(Object.keys(inherited)).toEqual(['given']);
      return Promise.reject(new Error('failed'));
    };

    await expect(listenToCalls([inherited, own], 'up', new Heard(), work)).rejects.toThrow('failed');

    expect(Object.hasOwn(inherited, 'up')).toBe(false);
    expect(Object.getOwnPropertyDescriptor(own, 'up')).toEqual(before);
  });

  it('tells concurrent runs of the same migrations apart', async () => {
    const [one, two] = [new Heard(), new Heard()];
    const migration = migrationOf(() => wait(20));
    const before = migration.up;
    const call = () => migration.up(queryRunner) as Promise<void>;

    await Promise.all([
      listenToCalls([migration], 'up', one, async () => {
        await call();
        await wait(40);
        await call();
      }),
      listenToCalls([migration], 'up', two, call),
    ]);

    expect([one.calls.length, two.calls.length]).toEqual([2, 1]);
    expect(migration.up).toBe(before);
  });

  it('does not hear of calls outside the run', async () => {
    const heard = new Heard();
    const migration = migrationOf(async () => {});
    let release = () => {};
    const run = listenToCalls(
      [migration],
      'up',
      heard,
      () => new Promise<void>((resolve) => (release = resolve)),
    );

    await migration.up(queryRunner);
    release();
    await run;

    expect(heard.calls).toEqual([]);
  });

  it.each<[string, () => MigrationInterface]>([
    ['is frozen', () => Object.freeze(migrationOf(async () => {}))],
    [
      'is an accessor',
      () =>
        Object.defineProperty(
          migrationOf(async () => {}),
          'up',
          { get: () => async () => {} },
        ),
    ],
    [
      'throws when it is looked at',
      () =>
        new Proxy(
          migrationOf(async () => {}),
          {
            getOwnPropertyDescriptor: () => {
              throw new Error('hostile');
            },
          },
        ),
    ],
  ])('leaves a migration alone whose method %s', async (_, create) => {
    const heard = new Heard();
    const migration = create();

    await listenToCalls([migration], 'up', heard, () => migration.up(queryRunner) as Promise<void>);

    expect(heard.calls).toEqual([]);
  });

  it('does not run a thenable that is no promise a second time', async () => {
    let sent = 0;
    const lazy = {
      then: (resolve: (value: unknown) => void) => {
        sent += 1;
        resolve(undefined);
      },
    };
    const migration = migrationOf(() => lazy);

    await listenToCalls([migration], 'up', new Heard(), async () => void (await migration.up(queryRunner)));

    expect(sent).toBe(1);
  });

  it('keeps what a migration puts in the place of its own method', async () => {
    const replaced = async () => {};
    const migration = migrationOf(async function (this: MigrationInterface) {
      this.up = replaced;
    });

    await listenToCalls([migration], 'up', new Heard(), () => migration.up(queryRunner) as Promise<void>);

    expect(migration.up).toBe(replaced);
  });
});
