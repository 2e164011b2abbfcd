import type { Collection } from '../../lib/migration/reader';
import { joinMigrations, orderMigrations } from '../../lib/migration/state';
import type { Snapshot } from '../../lib/monitor/snapshots';

const TOOK = { sequence: 1, startedAt: 0, durationSeconds: 0.012 };

/** A collection that read these names. */
export function readCollection(
  defined: readonly string[],
  recorded: readonly string[],
  at = 1_700_000_000_000,
) {
  const state = joinMigrations(orderMigrations(defined), new Set(recorded));
  return { ...TOOK, at, status: 'read', state } as const satisfies Collection;
}

export function failedCollection(
  reason: Extract<Collection, { status: 'failed' }>['reason'],
  at = 1_700_000_000_000,
) {
  return { ...TOOK, at, status: 'failed', reason } as const satisfies Collection;
}

/** What is known of a connection. */
export function snapshotOf({
  lastSuccess,
  ...fields
}: Partial<Snapshot> & {
  /** Unix time in seconds of a collection that succeeded before. */
  lastSuccess?: number;
}): Snapshot {
  const { collection } = fields;
  return {
    connection: 'default',
    database: 'postgres',
    collection: undefined,
    lastRead:
      lastSuccess === undefined
        ? collection?.status === 'read'
          ? collection
          : undefined
        : readCollection([], [], lastSuccess * 1000),
    synchronizes: false,
    failures: {},
    ...fields,
  };
}
