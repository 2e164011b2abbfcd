import { describe, expect, it } from 'vitest';
import type { DriftDifference } from '../../../lib/drift/reading';
import { driftReportOf } from '../../../lib/drift/report';

const index: DriftDifference = { change: 'drop index', table: 'orders', name: 'by_hand', statements: 1 };
const column: DriftDifference = { change: 'change column', table: 'orders', name: 'total', statements: 2 };
const table: DriftDifference = { change: 'create table', table: 'users', statements: 3 };
const checkedAt = Date.UTC(2026, 0, 1);
const reading = { statements: 6, differences: [index, column, table], checkedAt };

describe('driftReportOf', () => {
  it('adds up the statements of what counts', () => {
    expect(driftReportOf(reading, {})).toEqual({
      statements: 6,
      differences: [index, column, table],
      ignored: [],
      checkedAt: '2026-01-01T00:00:00.000Z',
    });
  });

  it('takes out what is ignored, and what the baseline has', () => {
    expect(driftReportOf(reading, { ignore: ['orders.by_hand'], baseline: [table] })).toMatchObject({
      statements: 2,
      differences: [column],
      ignored: [index, table],
    });
  });

  it('has no number of what was skipped', () => {
    expect(driftReportOf({ skipped: 'denied', checkedAt }, {})).toEqual({
      statements: null,
      differences: [],
      ignored: [],
      skipped: 'denied',
      checkedAt: '2026-01-01T00:00:00.000Z',
    });
  });
});
