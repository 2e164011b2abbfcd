import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinMigrations, migrationTimestamp, orderMigrations } from '../../../lib/migration/state';

const BASE = 1_700_000_000_000;
const name = fc
  .tuple(fc.constantFrom('Add', 'Drop', 'Alter'), fc.nat({ max: 40 }))
  .map(([verb, offset]) => `${verb}${BASE + offset}`);
const names = fc.array(name, { maxLength: 40 });

function join(defined: readonly string[], recorded: readonly string[]) {
  return joinMigrations(orderMigrations(defined), new Set(recorded));
}
function shuffledWithDuplicates(list: readonly string[]) {
  return fc
    .shuffledSubarray([...list], { minLength: list.length })
    .chain((shuffled) =>
      fc.shuffledSubarray([...list]).map((duplicates) => [...duplicates, ...shuffled, ...duplicates]),
    );
}

describe('joinMigrations', () => {
  it('splits what is defined into applied and unapplied', () => {
    fc.assert(
      fc.property(names, names, (defined, recorded) => {
        const state = join(defined, recorded);
        const either = new Set([...state.applied, ...state.unapplied]);
        expect(defined.every((each) => either.has(each))).toBe(true);
        expect(new Set(state.defined)).toEqual(new Set(defined));
        expect(state.unapplied.filter((each) => recorded.includes(each))).toEqual([]);
        expect(state.unapplied.every((each) => defined.includes(each))).toBe(true);
      }),
    );
  });

  it('takes every recorded name as applied, and calls those that are not defined unknown', () => {
    fc.assert(
      fc.property(names, names, (defined, recorded) => {
        const state = join(defined, recorded);
        expect(new Set(state.applied)).toEqual(new Set(recorded));
        expect(new Set(state.unknown)).toEqual(new Set(recorded.filter((each) => !defined.includes(each))));
      }),
    );
  });

  it('does not mind order or duplicates', () => {
    const shuffled = fc
      .tuple(names, names)
      .chain(([defined, recorded]) =>
        fc.tuple(
          fc.constant(defined),
          fc.constant(recorded),
          shuffledWithDuplicates(defined),
          shuffledWithDuplicates(recorded),
        ),
      );
    fc.assert(
      fc.property(shuffled, ([defined, recorded, otherDefined, otherRecorded]) => {
        expect(join(otherDefined, otherRecorded)).toEqual(join(defined, recorded));
      }),
    );
  });

  it('lists distinct names in the order of their timestamps', () => {
    fc.assert(
      fc.property(names, names, (defined, recorded) => {
        for (const list of Object.values(join(defined, recorded)) as (readonly string[])[]) {
          const timestamps = list.map(migrationTimestamp);
          expect(timestamps).toEqual([...timestamps].sort((a, b) => a - b));
          expect(new Set(list).size).toBe(list.length);
        }
      }),
    );
  });

  it('calls out of order what is unapplied and older than the newest applied one', () => {
    fc.assert(
      fc.property(names, names, (defined, recorded) => {
        const state = join(defined, recorded);
        const newest = Math.max(0, ...recorded.map(migrationTimestamp));
        expect(state.outOfOrder).toEqual(state.unapplied.filter((each) => migrationTimestamp(each) < newest));
      }),
    );
  });

  it('counts an unknown migration as the newest applied one', () => {
    expect(join([`Old${BASE}`], [`New${BASE + 5}`])).toEqual({
      defined: [`Old${BASE}`],
      applied: [`New${BASE + 5}`],
      unapplied: [`Old${BASE}`],
      unknown: [`New${BASE + 5}`],
      outOfOrder: [`Old${BASE}`],
    });
  });

  it('sorts a recorded name without a timestamp before all others', () => {
    expect(join([`A${BASE}`], [`A${BASE}`, 'by hand']).applied).toEqual(['by hand', `A${BASE}`]);
  });

  it('gives out values that nobody can change', () => {
    const state = join([`A${BASE}`], []);
    expect(Object.isFrozen(state)).toBe(true);
    expect(Object.values(state).every((list) => Object.isFrozen(list))).toBe(true);
  });
});

describe('migrationTimestamp', () => {
  it.each([
    ['CreateUsers1700000000000', 1_700_000_000_000],
    ['V21700000000000', 1_700_000_000_000],
    ['CreateUsers', Number.NaN],
    ['', Number.NaN],
    ['CreateUsers0000000000000', Number.NaN],
  ])('%s ends with %d', (migration, timestamp) => {
    expect(migrationTimestamp(migration)).toBe(timestamp);
  });
});
