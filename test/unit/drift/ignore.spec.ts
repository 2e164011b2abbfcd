import { describe, expect, it } from 'vitest';
import { ignoreDrift } from '../../../lib/drift/ignore';
import type { DriftDifference } from '../../../lib/drift/reading';

const byHand: DriftDifference = { change: 'drop index', table: 'orders', name: 'by_hand', statements: 1 };
const missing: DriftDifference = { change: 'create index', table: 'orders', name: 'by_hand', statements: 1 };
const total: DriftDifference = { change: 'change column', table: 'app.orders', name: 'total', statements: 2 };
const table: DriftDifference = { change: 'create table', table: 'orders', statements: 3 };
const all = [byHand, missing, total, table];

const ignoredBy = (...entries: Parameters<typeof ignoreDrift>[1]) => ignoreDrift(all, entries).ignored;

describe('Ignored drift', () => {
  it.each([
    ['orders.by_hand', [byHand, missing]],
    ['drop index:orders.by_hand', [byHand]],
    ['drop *:orders.by_hand', [byHand]],
    ['* index:orders.*', [byHand, missing]],
    ['app.orders.total', [total]],
    ['orders', [table]],
    ['create table:orders', [table]],
    ['orders.*', [byHand, missing, table]],
    ['*orders.*', all],
    ['*', all],
    ['*.by_*', [byHand, missing]],
    ['order.by_hand', []],
    ['ORDERS.by_hand', []],
    ['orders.by.hand', []],
    ['index:orders.by_hand', []],
    ['', []],
  ])('is what the string %j names', (entry, expected) => {
    expect(ignoredBy(entry)).toEqual(expected);
  });

  it('takes nothing in a string for a regular expression', () => {
    expect(ignoredBy('orders.(by_hand)', 'orders.by_han[d]', 'o.ders.by_hand', 'orders+')).toEqual([]);
  });

  it('is what a regular expression finds in change, table and name', () => {
    expect(ignoredBy(/^drop index:orders\.by_hand$/)).toEqual([byHand]);
    expect(ignoredBy(/^create table:orders$/)).toEqual([table]);
  });

  it('is the same for a regular expression that remembers where it stopped', () => {
    const sticky = /orders/g;
    sticky.lastIndex = 20;
    expect(ignoredBy(sticky)).toEqual(all);
    expect(ignoredBy(sticky)).toEqual(all);
  });

  it('is what a function picks, and nothing if it throws', () => {
    expect(ignoredBy(({ statements }) => statements > 1)).toEqual([total, table]);
    expect(
      ignoredBy(() => {
        throw new Error('not mine');
      }),
    ).toEqual([]);
  });

  it('leaves the others to be counted', () => {
    expect(ignoreDrift(all, ['orders.by_hand', 'app.*']).counted).toEqual([table]);
    expect(ignoreDrift(all, []).counted).toEqual(all);
  });

  it('names the entries that match nothing, and not those that match what another does as well', () => {
    const never = () => false;
    const entries = ['*', 'orders.by_hand', 'gone.*', /gone/, never];
    expect(ignoreDrift(all, entries).unmatched).toEqual(['gone.*', /gone/, never]);
    expect(ignoreDrift([], ['*']).unmatched).toEqual(['*']);
  });
});
