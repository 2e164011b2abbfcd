import type { EntityMetadata } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { referringTo, slicesOf } from '../../../lib/drift/slices';

interface Entity {
  tablePath: string;
  tableType: string;
  synchronize: boolean;
  foreignKeys: { referencedEntityMetadata: Entity }[];
}

const entity = (tablePath: string, rest: Partial<Entity> = {}) =>
  ({
    tablePath,
    tableType: 'regular',
    synchronize: true,
    foreignKeys: [],
    ...rest,
  }) as unknown as EntityMetadata;
const entities = (count: number) => Array.from({ length: count }, (_, index) => entity(`t${index}`));
const paths = (slices: readonly (readonly EntityMetadata[])[]) =>
  slices.map((slice) => slice.map(({ tablePath }) => tablePath));

describe('Slices of entities', () => {
  it('hold about ten tables each, and at the end the views', () => {
    expect(slicesOf(entities(25)).map(({ length }) => length)).toEqual([10, 10, 5, 0]);
    const views = ['a', 'b', 'c'].map((name) => entity(name, { tableType: 'view' }));
    expect(paths(slicesOf([...views, ...entities(2)], 1))).toEqual([['t0'], ['t1'], ['a', 'b', 'c']]);
  });

  it('hold every entity once', () => {
    expect(paths(slicesOf(entities(33))).flat()).toEqual(paths([entities(33)]).flat());
    expect(slicesOf([])).toEqual([[]]);
  });

  it('leave out what TypeORM leaves out', () => {
    const left = [entity('a', { synchronize: false }), entity('b', { tableType: 'entity-child' })];
    expect(paths(slicesOf([...left, entity('c')]))).toEqual([['c'], []]);
  });

  it('keep entities of one table together', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((path) => entity(path)) as [
      EntityMetadata,
      EntityMetadata,
      EntityMetadata,
    ];
    expect(paths(slicesOf([a, b, c, entity('a')], 1))).toEqual([['a', 'a'], ['b'], ['c'], []]);
  });

  it('are asked about together where a foreign key crosses them', () => {
    const [user, other] = [entity('users'), entity('others')];
    const order = entity('orders', { foreignKeys: [{ referencedEntityMetadata: user }] });
    const line = entity('lines', { foreignKeys: [{ referencedEntityMetadata: order }] });
    const slices = slicesOf([user, other, order, line], 1);
    expect(referringTo(new Set([user]), slices)).toEqual(new Set([0, 2]));
    expect(referringTo(new Set([order]), slices)).toEqual(new Set([2, 3]));
    expect(referringTo(new Set([other]), slices)).toEqual(new Set([1]));
    expect(referringTo(new Set(), slices)).toEqual(new Set());
  });
});
