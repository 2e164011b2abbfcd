import type { DataSource } from 'typeorm';
import { migrationReader } from '../../lib/migration/migration.reader';

/** Reads a DataSource again at each call, and gives the counts, or the reason why there are none. */
export function countsOf(dataSource: DataSource, timeout = 5000) {
  const reader = migrationReader(dataSource, timeout);
  return async () => {
    const outcome = await reader.read('now');
    return outcome.status === 'failed'
      ? outcome.reason
      : { applied: outcome.state.applied.length, unapplied: outcome.state.unapplied.length };
  };
}
