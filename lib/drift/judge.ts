import type { DataSource } from 'typeorm';
import type { MigrationState } from '../migration/state';
import { readDrift, type ReadDriftOptions } from './read';
import type { DriftReading, DriftSkip } from './reading';

/** Reads the migration state of a DataSource now; `undefined` if it cannot be read. */
export type ReadState = () => Promise<MigrationState | undefined>;

/**
 * Reads the drift of a DataSource if its migrations are up to date both before and after. Otherwise a pending
 * or running migration would look like drift. Throws only errors of `state`.
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
