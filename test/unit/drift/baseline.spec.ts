import { describe, expect, it } from 'vitest';
import { compareBaseline, isBaseline } from '../../../lib/drift/baseline';
import type { DriftDifference } from '../../../lib/drift/reading';

const index: DriftDifference = { change: 'drop index', table: 'orders', name: 'by_hand', statements: 1 };
const column: DriftDifference = { change: 'drop column', table: 'orders', name: 'by_hand', statements: 1 };
/** A key that the database has without a name. */
const key: DriftDifference = { change: 'drop foreign key', table: 'orders', statements: 4 };

describe('A baseline', () => {
  it('leaves nothing of the drift that it pins', () => {
    expect(compareBaseline([index, column], [column, index])).toEqual({ fresh: [], gone: [] });
  });

  it('lets through what is new, and reports what is gone', () => {
    expect(compareBaseline([index], [column])).toEqual({ fresh: [index], gone: [column] });
    expect(compareBaseline([], [index])).toEqual({ fresh: [], gone: [index] });
    expect(compareBaseline([index], [])).toEqual({ fresh: [index], gone: [] });
  });

  it('does not compare how many statements TypeORM takes for it', () => {
    expect(compareBaseline([{ ...index, statements: 4 }], [index])).toEqual({ fresh: [], gone: [] });
  });

  it('counts those that have the same name', () => {
    expect(compareBaseline([key, key], [key])).toEqual({ fresh: [key], gone: [] });
    expect(compareBaseline([key], [key, key, key])).toEqual({ fresh: [], gone: [key, key] });
  });

  it.each([[[]], [[index]], [[key]], [[{ change: 'drop index', table: 'orders' }]]])('can be %j', (value) => {
    expect(isBaseline(value)).toBe(true);
  });

  it.each([
    [undefined],
    [null],
    ['drop index'],
    [{ differences: [index] }],
    [[null]],
    [['drop index:orders.by_hand']],
    [[{ change: 'drop index' }]],
    [[{ change: 'drop index', table: 1 }]],
    [[{ ...index, name: 1 }]],
  ])('cannot be %j', (value) => {
    expect(isBaseline(value)).toBe(false);
  });
});
