import { describe, expect, it } from 'vitest';
import { textOf, type Terminal } from '../../../lib/cli/report-text';
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
});
