import type { ReadingOutcome } from '../migration/migration.reader';
import type { MigrationState } from '../migration/migration.state';
import { logger } from './migrations.logger';

/**
 * Logs a connection's first reading, its fall and its recovery, and nothing in between. Neither hosts
 * nor users nor SQL: of a driver's error only its code.
 */
export function logReading(
  connection: string,
  previous: ReadingOutcome | undefined,
  current: ReadingOutcome,
): void {
  if (current.status === 'failed') {
    if (previous?.status === 'failed') return;
    const detail = current.detail === undefined ? '' : `: ${current.detail}`;
    logger.warn(
      `${connection}: migrations could not be read (${current.reason}${detail}). They read -1 until they can.`,
    );
  } else if (previous?.status !== 'read') {
    logger.log(`${connection}: ${previous === undefined ? '' : 'readable again, '}${summary(current.state)}`);
  }
}

function summary({ applied, unapplied, unknown, outOfOrder }: MigrationState): string {
  return [
    `${applied.length} applied`,
    `${unapplied.length} unapplied`,
    ...(unknown.length > 0 ? [`${unknown.length} unknown to this code`] : []),
    ...(outOfOrder.length > 0 ? [`${outOfOrder.length} out of order`] : []),
  ].join(', ');
}
