import { logger } from '../logger';
import type { Collection } from '../migration/reader';
import type { MigrationState } from '../migration/state';

/**
 * Logs a connection's first collection, its failures and recoveries, but no repetition. Shows a driver's
 * code, but never hosts, users or SQL.
 */
export function logCollection(
  connection: string,
  previous: Collection | undefined,
  current: Collection,
): void {
  if (current.status === 'failed') {
    if (previous?.status === 'failed') return;
    const detail = current.detail === undefined ? '' : `: ${current.detail}`;
    logger.warn(
      `${connection}: migrations could not be read (${current.reason}${detail}). ` +
        'Metrics report -1 until the database is readable again.',
    );
  } else if (previous?.status !== 'read') {
    const again = previous === undefined ? '' : ' readable again';
    logger.log(`${connection}: migrations${again}: ${summary(current.state)}`);
  }
}

/**
 * Warns if the database has migrations and the code defines none: another package owns them, or a glob
 * matches nothing.
 */
export function warnOfNoneDefined(connection: string, { defined, applied }: MigrationState): void {
  if (defined.length > 0 || applied.length === 0) return;
  logger.warn(
    `${connection}: the code defines no migration, and the database has ${applied.length}: nothing can be unapplied here. ` +
      'If a glob in `migrations` matches nothing, correct it. If another package owns the migrations, ' +
      'pass them to the DataSource, or leave the connection out with the option exclude.',
  );
}

function summary({ applied, unapplied, unknown, outOfOrder }: MigrationState): string {
  return [
    `${applied.length} applied`,
    `${unapplied.length} unapplied`,
    ...(unknown.length > 0 ? [`${unknown.length} unknown to this code`] : []),
    ...(outOfOrder.length > 0 ? [`${outOfOrder.length} out of order`] : []),
  ].join(', ');
}
