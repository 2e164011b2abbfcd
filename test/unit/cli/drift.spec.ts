import { describe, expect, it } from 'vitest';
import { forbidDrift, isDriftUnknown, notesOn } from '../../../lib/cli/drift';
import type { DriftDifference, DriftSkip } from '../../../lib/drift/reading';
import { driftReportOf, type KnownDrift } from '../../../lib/drift/report';
import type { MigrationsReport } from '../../../lib/verdict/report';
import { reportOf } from '../../../lib/verdict/report';
import { failedCollection, readCollection, snapshotOf } from '../../support/snapshots';

const difference = (name: string): DriftDifference => ({
  change: 'drop index',
  table: 'orders',
  name,
  statements: 1,
});

interface Connection {
  readonly drift: readonly string[] | DriftSkip;
  readonly unapplied?: boolean;
  readonly unknown?: boolean;
  readonly unreadable?: boolean;
}

function reportWith(connections: readonly Connection[], known: KnownDrift = {}): MigrationsReport {
  const snapshots = connections.map(({ drift, unapplied, unknown, unreadable }, index) => {
    const defined = unknown ? ['A1'] : ['A1', 'B2'];
    const applied = unapplied ? ['A1'] : ['A1', 'B2'];
    const differences = typeof drift === 'string' ? [] : drift.map(difference);
    return snapshotOf({
      connection: `c${index}`,
      collection: unreadable ? failedCollection('timeout') : readCollection(defined, applied),
      drift: driftReportOf(
        typeof drift === 'string'
          ? { skipped: drift, checkedAt: 0 }
          : { differences, statements: differences.length, checkedAt: 0 },
        known,
      ),
    });
  });
  return reportOf(snapshots, {});
}

describe('forbidDrift', () => {
  it.each([
    ['none', { drift: [] }, [], true, false],
    ['some', { drift: ['a'] }, ['drift'], false, false],
    ['drift that is not known', { drift: 'denied' }, ['drift'], false, true],
    ['an allowed deviation that hides it', { drift: 'unapplied', unknown: true }, ['drift'], false, true],
    ['an unapplied migration', { drift: 'unapplied', unapplied: true }, ['unapplied'], false, false],
    ['another reason beside it', { drift: 'denied', unapplied: true }, ['unapplied', 'drift'], false, true],
    ['a database that is away', { drift: 'unreadable', unreadable: true }, ['unreadable'], false, false],
    ['a database that went away', { drift: 'unreadable' }, ['drift'], false, true],
  ] as const)('judges %s', (_what, connection: Connection, failedOn, ok, isUnknown) => {
    const report = forbidDrift(reportWith([{ drift: [] }, connection]));
    expect(report.connections[0]).toMatchObject({ ok: true, failedOn: [] });
    expect(report.connections[1]).toMatchObject({ ok, failedOn });
    expect(report.ok).toBe(ok);
    expect(report.connections.map(isDriftUnknown)).toEqual([false, isUnknown]);
  });
});

describe('notesOn', () => {
  const notes = (connections: readonly Connection[], known: KnownDrift) =>
    notesOn(reportWith(connections, known), known);

  it('names each entry once that matches on no connection', () => {
    const known = { ignore: ['orders.a', 'orders.b', 'orders.c', 'orders.c'] };
    expect(notes([{ drift: ['a'] }, { drift: ['b'] }], known)).toEqual([
      '--drift-ignore orders.c matches no difference: remove it.',
    ]);
  });

  it('names the differences of the baseline that are on no connection', () => {
    const baseline = ['a', 'b', 'c'].map(difference);
    expect(notes([{ drift: ['a'] }, { drift: ['c', 'd'] }], { baseline })).toEqual([
      '--drift-baseline has differences that no longer exist: drop index:orders.b. Remove them.',
    ]);
    // What an entry ignores as well is there all the same.
    expect(notes([{ drift: ['a', 'b', 'c'] }], { baseline, ignore: ['orders.b'] })).toEqual([]);
  });

  it('names five of them', () => {
    const gone = (count: number) =>
      notes([{ drift: [] }], {
        baseline: Array.from({ length: count }, (_, index) => difference(`i${index}`)),
      });
    expect(gone(5)[0]).toMatch(/orders\.i4\. Remove/);
    expect(gone(7)[0]).toMatch(/orders\.i4, and 2 more\. Remove/);
  });

  it('says nothing if a connection was not judged, which may have them', () => {
    const known = { ignore: ['orders.a'], baseline: [difference('b')] };
    expect(notes([{ drift: [] }, { drift: 'denied' }], known)).toEqual([]);
  });
});
