import type { Entity } from './case';

/** So many entities, each with a key of the one before and of the first, an index and a unique column. */
export function chain(count: number): Entity[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `t${index}`,
    columns: {
      id: { type: Number, primary: true },
      code: { type: String, length: 40, unique: true },
      amount: { type: 'decimal', precision: 10, scale: 2, default: 0 },
    },
    indices: [{ columns: ['amount'], name: `by_amount_${index}` }],
    relations: index === 0 ? {} : { previous: to(`t${index - 1}`), first: to('t0') },
  }));
}

const to = (target: string) => ({
  type: 'many-to-one' as const,
  target,
  joinColumn: true,
  nullable: true,
});
