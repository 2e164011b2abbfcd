import type { DataSource } from 'typeorm';
import type { MigrationState } from '../migration/state';
import { readDrift, type ReadDriftOptions } from './read';
import type { DriftReading, DriftSkip } from './reading';

/** Reads what is applied of a DataSource now; `undefined` if that cannot be told. */
export type ReadState = () => Promise<MigrationState | undefined>;

/**
 * Reads the drift of a DataSource whose migrations are up to date before and after it: what a migration has not made yet,
 * or makes meanwhile, is no drift. Throws only what `state` throws.
 */
export async function judgeDrift(
  dataSource: DataSource,
  state: ReadState,
  options: ReadDriftOptions,
): Promise<DriftReading> {
  const before = skipUnder(await state());
  if (before !== undefined) return { skipped: before, checkedAt: Date.now() };
  const reading = await readDrift(dataSource, options);
  if ('skipped' in reading) return reading;
  const after = skipUnder(await state());
  return after === undefined ? reading : { skipped: after, checkedAt: reading.checkedAt };
}

function skipUnder(state: MigrationState | undefined): DriftSkip | undefined {
  if (state === undefined) return 'unreadable';
  return state.unapplied.length > 0 || state.unknown.length > 0 ? 'unapplied' : undefined;
}
