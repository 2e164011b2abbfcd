import type { DataSource, EntityMetadata, QueryRunner } from 'typeorm';
import { clock, yieldToEventLoop } from '../clock';
import { failureOf } from '../migration/failure';
import { DifferenceRecorder } from './differences';
import { openSession } from './open';
import { assertMissing, assertVisible } from './privileges';
import { type DriftDifference, type DriftReading, type DriftSkip, DriftSkipped } from './reading';
import { derive } from './schema-view';
import type { Session } from './session';
import { referringTo, slicesOf } from './slices';

export interface ReadDriftOptions {
  /** Limit, in milliseconds. */
  readonly timeout: number;
  /** Aborts the check at once. */
  readonly signal?: AbortSignal;
  /** Compares all entities at once. For a command, whose event loop may be blocked for seconds. */
  readonly whole?: boolean;
}

/**
 * Compares a DataSource's entities with its schema, as `migration:generate` does, and writes nothing. Never
 * throws.
 *
 * The result is valid only if the migrations are up to date before and after: see `judgeDrift()`.
 */
export async function readDrift(dataSource: DataSource, options: ReadDriftOptions): Promise<DriftReading> {
  try {
    const differences = await bounded(dataSource, options);
    const statements = differences.reduce((sum, difference) => sum + difference.statements, 0);
    return { statements, differences, checkedAt: Date.now() };
  } catch (error) {
    return { skipped: skipOf(error, dataSource), checkedAt: Date.now() };
  }
}

/** Compares within the limit. After that, the connection is destroyed and the result is `timeout`. */
async function bounded(
  dataSource: DataSource,
  { timeout, signal, whole = false }: ReadDriftOptions,
): Promise<readonly DriftDifference[]> {
  if (signal?.aborted) throw new DriftSkipped('timeout');
  if (!dataSource.isInitialized) throw new DriftSkipped('unreadable');
  const session = openSession(dataSource, timeout);
  // It has no connection until it begins.
  if (dataSource.entityMetadatas.length === 0) throw new DriftSkipped('no_entities');
  let stop!: () => void;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => {
      session.destroy();
      reject(new DriftSkipped('timeout'));
    };
  });
  const timer = clock.setTimeout(stop, timeout).unref();
  signal?.addEventListener('abort', stop);
  try {
    return await Promise.race([stopped, compare(session, dataSource.entityMetadatas, whole)]);
  } finally {
    clock.clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

async function compare(
  session: Session,
  entities: readonly EntityMetadata[],
  whole: boolean,
): Promise<readonly DriftDifference[]> {
  try {
    await session.begin();
    const slices = slicesOf(entities, whole ? Infinity : undefined);
    await assertVisible(session, slices.flat());
    const differences = await compareSlices(session, slices);
    await assertMissing(session, differences);
    return differences;
  } finally {
    await session.end();
  }
}

/**
 * Compares slice by slice. A foreign key that refers to a changed column is dropped and created again. A
 * slice does not see that if another slice has the key, so all slices affected are compared once more,
 * together.
 */
async function compareSlices(
  session: Session,
  slices: readonly (readonly EntityMetadata[])[],
): Promise<readonly DriftDifference[]> {
  const found: (readonly DriftDifference[])[] = [];
  for (const [index, slice] of slices.entries()) {
    found.push(await compareSlice(session, slice, index === slices.length - 1));
    await yieldToEventLoop();
  }
  const changed = slices.filter((_, index) => found[index]?.some(({ change }) => change === 'change column'));
  const together = referringTo(new Set(changed.flat()), slices);
  if (together.size === changed.length) return found.flat();
  const merged = slices.filter((_, index) => together.has(index)).flat();
  const apart = found.filter((_, index) => !together.has(index)).flat();
  return [...apart, ...(await compareSlice(session, merged, together.has(slices.length - 1)))];
}

async function compareSlice(
  session: Session,
  entities: readonly EntityMetadata[],
  withCache: boolean,
): Promise<readonly DriftDifference[]> {
  if (entities.length === 0 && !(withCache && session.view.hasCache)) return [];
  const recorder = new DifferenceRecorder(session.view.dataSource);
  const runner = builderRunner(session);
  recorder.listenTo(runner);
  const { upQueries } = await session.view.builder(entities, runner, withCache).log();
  const named = recorder.differences.reduce((sum, { statements }) => sum + statements, 0);
  const rest = upQueries.length - named;
  return rest === 0
    ? recorder.differences
    : [...recorder.differences, { change: 'other', table: '', statements: rest }];
}

/** Wraps the session's query runner for a schema builder, which would release it. */
function builderRunner(session: Session): QueryRunner {
  let last: Promise<unknown> = Promise.resolve();
  return derive(session.runner, {
    release: async () => {},
    // TypeORM sends several queries at once. node-postgres warns about that and will refuse it.
    query: (...parameters: Parameters<Session['query']>) => {
      const answer = last.then(() => session.query(...parameters));
      last = answer.catch(() => {});
      return answer;
    },
  });
}

const SKIP_BY_FAILURE: Readonly<Record<string, DriftSkip>> = {
  timeout: 'timeout',
  denied: 'denied',
  unreachable: 'unreadable',
  uninitialized: 'unreadable',
};

function skipOf(error: unknown, dataSource: DataSource): DriftSkip {
  try {
    if (error instanceof DriftSkipped) return error.skip;
    return SKIP_BY_FAILURE[failureOf(error, dataSource.options.type).reason] ?? 'other';
  } catch {
    return 'other';
  }
}
