import { describe, expect, it } from 'vitest';
import type { Collection } from '../../../lib/migration/reader';
import { joinMigrations, orderMigrations } from '../../../lib/migration/state';
import { METRIC_NAMES } from '../../../lib/metrics/metric.names';
import { MIGRATION_GAUGES } from '../../../lib/metrics/metric.table';

import { snapshotOf } from '../../support/snapshots';

const took = { sequence: 1, startedAt: 0, at: 0 };

function values(collection: Collection | undefined, lastSuccess?: number) {
  const snapshot = snapshotOf({ collection, ...(lastSuccess !== undefined && { lastSuccess }) });
  return Object.fromEntries(MIGRATION_GAUGES.map(({ key, value }) => [key, value(snapshot)]));
}

describe('MIGRATION_GAUGES', () => {
  it('counts what was read', () => {
    const state = joinMigrations(
      orderMigrations(['A1700000000001', 'A1700000000003', 'A1700000000004']),
      new Set(['A1700000000003', 'X1700000000002']),
    );
    expect(values({ status: 'read', state, durationSeconds: 0.5, ...took }, 12)).toEqual({
      applied: 2,
      unapplied: 2,
      defined: 3,
      unknown: 1,
      outOfOrder: 1,
      newestApplied: 1_700_000_000.003,
      oldestUnapplied: 1_700_000_000.001,
      info: 1,
      collectionSuccess: 1,
      collectionDuration: 0.5,
      lastSuccess: 12,
    });
  });

  it('reads -1 or nothing at all, and success 0, where the truth is not known', () => {
    expect(values({ status: 'failed', reason: 'denied', durationSeconds: 3, ...took }, 12)).toEqual({
      applied: -1,
      unapplied: -1,
      defined: undefined,
      unknown: undefined,
      outOfOrder: undefined,
      newestApplied: undefined,
      oldestUnapplied: undefined,
      info: undefined,
      collectionSuccess: 0,
      collectionDuration: 3,
      lastSuccess: 12,
    });
  });

  it('reads -1 and success 0, and nothing else, until the first collection', () => {
    const known = Object.entries(values(undefined)).filter(([, value]) => value !== undefined);
    expect(Object.fromEntries(known)).toEqual({ applied: -1, unapplied: -1, collectionSuccess: 0 });
  });

  it.each([
    ['none is applied', []],
    ['the time is before 2000', ['Old0946684799999']],
    ['the time is over a year ahead', ['Ahead9999999999999']],
  ])('has no newest applied time where %s', (_why, applied) => {
    const state = joinMigrations(orderMigrations([]), new Set(applied));
    expect(values({ status: 'read', state, durationSeconds: 0, ...took }).newestApplied).toBeUndefined();
  });

  it('names an aggregator for each: the lowest of success, last success and oldest, the highest of all else', () => {
    expect(MIGRATION_GAUGES.filter(({ aggregator }) => aggregator === 'min').map(({ key }) => key)).toEqual([
      'oldestUnapplied',
      'collectionSuccess',
      'lastSuccess',
    ]);
  });

  it('has a name for each, and only the two inherited gauges end in _total', () => {
    const totals = MIGRATION_GAUGES.map(({ key }) => METRIC_NAMES[key]).filter((name) =>
      name.endsWith('_total'),
    );
    expect(totals).toEqual(['typeorm_migrations_applied_total', 'typeorm_migrations_unapplied_total']);
  });
});
