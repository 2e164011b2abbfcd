import { describe, expect, it } from 'vitest';
import { forbidDrift } from '../../../lib/cli/drift';
import { textOf, type Terminal } from '../../../lib/cli/report-text';
import { DRIFT_ADVICE } from '../../../lib/drift/advice';
import { DRIFT_SKIPS } from '../../../lib/drift/reading';
import { driftReportOf, type KnownDrift } from '../../../lib/drift/report';
import type { Snapshot } from '../../../lib/monitor/snapshots';
import { reportOf } from '../../../lib/verdict/report';
import { failedCollection, readCollection, snapshotOf } from '../../support/snapshots';

const WIDE: Terminal = { width: Infinity, hasColors: false };
const names = (count: number) =>
  Array.from({ length: count }, (_, index) => `Step${1_700_000_000_000 + index}`);
const text = (snapshots: readonly Snapshot[], terminal = WIDE) =>
  textOf(snapshots, reportOf(snapshots, {}), terminal);

const COLOR = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');
const PAINTED = new RegExp(`${COLOR.source}\\S+ *${COLOR.source}`, 'g');

const THREE = [
  snapshotOf({ connection: 'well', collection: readCollection(names(2), names(2)) }),
  snapshotOf({
    connection: 'behind',
    collection: readCollection(names(12), [...names(3), 'Gone1600000000000']),
  }),
  snapshotOf({
    connection: 'lost',
    collection: { ...failedCollection('unreachable'), detail: 'ECONNREFUSED' },
  }),
];

describe('textOf', () => {
  it('is a table, and what is behind its figures', () => {
    expect(text(THREE).split('\n')).toEqual([
      'connection  ok   applied  unapplied  unknown  out of order',
      'well        yes        2          0        0             0',
      'behind      no         4          9        1             0',
      'lost        ?          -          -        -             -',
      '',
      'behind has unapplied migrations:',
      '  Step1700000000003',
      '  Step1700000000004',
      '  Step1700000000005',
      '  Step1700000000006',
      '  Step1700000000007',
      '  and 4 more',
      '',
      'behind has applied migrations that this code does not define:',
      '  Gone1600000000000',
      '',
      expect.stringMatching(/^lost could not be read: unreachable \(ECONNREFUSED\)\. There is no connection/),
      '',
    ]);
  });

  it('names all of five', () => {
    const five = text([snapshotOf({ collection: readCollection(names(5), []) })]);
    expect(five).toContain('Step1700000000004\n');
    expect(five).not.toContain('more');
  });

  it('is a paragraph for each connection where the table is too wide', () => {
    const lines = text(THREE, { width: 57, hasColors: false }).split('\n');
    expect(lines.slice(0, 7)).toEqual([
      'well',
      '  ok: yes',
      '  applied: 2',
      '  unapplied: 0',
      '  unknown: 0',
      '  out of order: 0',
      'behind',
    ]);
    expect(text(THREE, { width: 58, hasColors: false })).toBe(text(THREE));
  });

  it.each([58, 20])('has colors only if asked, and the same words, at %i columns', (width) => {
    const colored = text(THREE, { width, hasColors: true });
    expect(colored.match(PAINTED)).toEqual([
      expect.stringMatching(/^.\[32myes/),
      expect.stringMatching(/^.\[31mno/),
      expect.stringMatching(/^.\[33m\?/),
    ]);
    expect(colored.replace(COLOR, '')).toBe(text(THREE, { width, hasColors: false }));
  });

  it('lets no name add a line, a color or a title', () => {
    const hostile = 'x\n\u001b[32m yes\u001b]0;title\u0007\u2028\r1700000000000';
    const snapshots = [
      snapshotOf({ connection: hostile, collection: readCollection([hostile], ['\u001bGone1600000000000']) }),
      snapshotOf({
        connection: `${hostile}2`,
        collection: { ...failedCollection('other'), detail: hostile },
      }),
    ];
    for (const width of [Infinity, 20]) {
      expect(text(snapshots, { width, hasColors: false }).replaceAll('\n', '')).not.toMatch(/\p{Cc}|\p{Zl}/u);
      expect(text(snapshots, { width, hasColors: false }).split('\n')).toHaveLength(
        text(
          [
            { ...snapshots[0], connection: 'a' },
            { ...snapshots[1], connection: 'b' },
          ] as Snapshot[],
          { width, hasColors: false },
        ).split('\n').length,
      );
    }
  });

  it('is a heading alone without connections', () => {
    expect(text([])).toBe('connection  ok  applied  unapplied  unknown  out of order\n');
  });

  it('says so where no migrations are defined, though nothing is unapplied', () => {
    const none = /^default defines no migrations\. If it should, look at the paths in the option migrations/m;
    const textFor = (defined: string[], recorded: string[]) =>
      text([snapshotOf({ connection: 'default', collection: readCollection(defined, recorded) })]);
    expect(textFor([], [])).toMatch(none);
    expect(textFor([], ['A1700000000001'])).toMatch(none);
    expect(textFor(['A1700000000001'], ['A1700000000001'])).not.toMatch(none);
  });

  describe('with drift', () => {
    const applied = readCollection(names(1), names(1));
    const drift = (count: number, known: KnownDrift = {}) =>
      driftReportOf(
        {
          statements: count * 2,
          differences: Array.from({ length: count }, (_, index) => ({
            change: 'drop index' as const,
            table: 'orders',
            name: `by_${index}`,
            statements: 2,
          })),
          checkedAt: 0,
        },
        known,
      );

    it('has a column for the statements, and names the first five differences', () => {
      const snapshots = [
        snapshotOf({ connection: 'clean', collection: applied, drift: drift(0) }),
        snapshotOf({
          connection: 'drifted',
          collection: applied,
          drift: drift(7, { ignore: ['orders.by_0'] }),
        }),
      ];
      expect(text(snapshots).split('\n')).toEqual([
        'connection  ok   applied  unapplied  unknown  out of order  drift',
        'clean       yes        1          0        0             0      0',
        'drifted     yes        1          0        0             0     12',
        '',
        'drifted has a schema that differs from its entities (12 statements):',
        '  drop index:orders.by_1',
        '  drop index:orders.by_2',
        '  drop index:orders.by_3',
        '  drop index:orders.by_4',
        '  drop index:orders.by_5',
        '  and 1 more',
        '',
        'drifted has 1 known difference.',
        '',
      ]);
      expect(text(snapshots, { width: 30, hasColors: false })).toContain('  out of order: 0\n  drift: 12\n');
    });

    it.each(DRIFT_SKIPS)('says what to do if it was skipped: %s', (skipped) => {
      const report = driftReportOf({ skipped, checkedAt: 0 }, {});
      const lines = text([snapshotOf({ collection: applied, drift: report })]).split('\n');
      expect(lines[1]).toMatch(/^default {5}yes .* -$/);
      expect(lines[3]).toBe(
        `default: schema drift is not known (${skipped}). ${DRIFT_ADVICE[skipped].meaning} ${DRIFT_ADVICE[skipped].fix}`,
      );
    });

    it('has a question mark where drift that is forbidden is not known', () => {
      const skipped = driftReportOf({ skipped: 'denied', checkedAt: 0 }, {});
      const snapshots = [
        snapshotOf({ connection: 'drifted', collection: applied, drift: drift(1) }),
        snapshotOf({ connection: 'denied', collection: applied, drift: skipped }),
      ];
      const forbidden = textOf(snapshots, forbidDrift(reportOf(snapshots, {})), { ...WIDE, hasColors: true });
      expect(forbidden.match(PAINTED)).toEqual([
        expect.stringMatching(/^.\[31mno/),
        expect.stringMatching(/^.\[33m\?/),
      ]);
    });

    it('says nothing more of a database that could not be read', () => {
      const skipped = driftReportOf({ skipped: 'unreadable', checkedAt: 0 }, {});
      const lost = [snapshotOf({ collection: failedCollection('timeout'), drift: skipped })];
      expect(text(lost)).not.toContain('drift is not known');
    });
  });
});
