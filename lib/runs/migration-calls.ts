import { AsyncLocalStorage } from 'node:async_hooks';
import { isPromise } from 'node:util/types';
import type { MigrationInterface } from 'typeorm';
import { clock } from '../clock';

export type Direction = 'up' | 'down';

/** Called for each migration of a run when its `up` or `down` has ended. */
export interface CallListener {
  succeeded(name: string, seconds: number): void;
  failed(name: string, seconds: number, error: unknown): void;
}

/** Separates concurrent runs, which call the same migrations. */
const currentRun = new AsyncLocalStorage<CallListener>();

/** A migration whose method is replaced while any run needs it. */
interface Watch {
  runs: number;
  readonly restore: () => void;
}

const watches: Readonly<Record<Direction, WeakMap<MigrationInterface, Watch>>> = {
  up: new WeakMap(),
  down: new WeakMap(),
};

/**
 * Calls a listener for every migration that some work runs. Afterwards the migrations have their own methods
 * again. A migration whose method cannot be replaced (a frozen object) is not reported.
 */
export async function listenToCalls<T>(
  migrations: readonly MigrationInterface[],
  direction: Direction,
  listener: CallListener,
  work: () => Promise<T>,
): Promise<T> {
  const watched = migrations.filter((migration) => watch(migration, direction));
  try {
    return await currentRun.run(listener, work);
  } finally {
    for (const migration of watched) unwatch(migration, direction);
  }
}

function watch(migration: MigrationInterface, direction: Direction): boolean {
  try {
    let known = watches[direction].get(migration);
    if (known === undefined) {
      const restore = replace(migration, direction);
      if (restore === undefined) return false;
      watches[direction].set(migration, (known = { runs: 0, restore }));
    }
    known.runs += 1;
    return true;
  } catch {
    return false;
  }
}

function unwatch(migration: MigrationInterface, direction: Direction): void {
  const known = watches[direction].get(migration);
  if (known === undefined) return;
  known.runs -= 1;
  if (known.runs > 0) return;
  watches[direction].delete(migration);
  try {
    known.restore();
  } catch {
    // The replacement stays in place and calls the original.
  }
}

/** @returns A function that restores the method, or `undefined` if it cannot be replaced without a trace. */
function replace(migration: MigrationInterface, direction: Direction): (() => void) | undefined {
  const own = Object.getOwnPropertyDescriptor(migration, direction);
  const isReplaceable = own === undefined || (own.configurable === true && 'value' in own);
  if (!isReplaceable || typeof migration[direction] !== 'function') return undefined;
  const name = migration.name || migration.constructor.name;
  function original(): Method {
    const method: unknown = own === undefined ? inherited(migration, direction) : own.value;
    return method as Method;
  }
  function replacement(this: unknown, ...parameters: unknown[]): unknown {
    const listener = currentRun.getStore();
    const call = () => original().apply(this, parameters);
    return listener === undefined ? call() : time(name, listener, call);
  }
  Object.defineProperty(migration, direction, {
    value: replacement,
    configurable: true,
    writable: true,
    enumerable: own?.enumerable ?? false,
  });
  return () => {
    if (migration[direction] !== replacement) return;
    if (own === undefined) Reflect.deleteProperty(migration, direction);
    else Object.defineProperty(migration, direction, own);
  };
}

type Method = (...parameters: unknown[]) => unknown;

function inherited(migration: MigrationInterface, direction: Direction): unknown {
  return Reflect.get(Object.getPrototypeOf(migration) as object, direction, migration);
}

/** Returns the identical object that the call returns, because TypeORM calls its `catch`. */
function time(name: string, listener: CallListener, call: () => unknown): unknown {
  const startedAt = clock.now();
  const seconds = () => (clock.now() - startedAt) / 1000;
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    listener.failed(name, seconds(), error);
    throw error;
  }
  // Only native promises: `then` on a thenable query builder would send its statement a second time.
  if (isPromise(result)) {
    result.then(
      () => listener.succeeded(name, seconds()),
      (error: unknown) => listener.failed(name, seconds(), error),
    );
  }
  return result;
}
