import { describe, expect, it } from 'vitest';
import { textOf } from '../../../lib/cli/report-text';
import { reportOf } from '../../../lib/verdict/report';
import { readCollection, snapshotOf } from '../../support/snapshots';

const NONE = /^default defines no migrations\. If it should, look at the paths in the option migrations/m;

/** The report of one connection, without a terminal. */
function textFor(defined: string[], recorded: string[]): string {
  const snapshots = [snapshotOf({ connection: 'default', collection: readCollection(defined, recorded) })];
  return textOf(snapshots, reportOf(snapshots, {}), { width: Infinity, hasColors: false });
}

describe('textOf', () => {
  it('says so where no migrations are defined, though nothing is unapplied', () => {
    expect(textFor([], [])).toMatch(NONE);
    expect(textFor([], ['A1700000000001'])).toMatch(NONE);
  });

  it('says nothing of it where there are some', () => {
    expect(textFor(['A1700000000001'], ['A1700000000001'])).not.toMatch(NONE);
  });
});
