import { DataSource, type DataSourceOptions, EntitySchema } from 'typeorm';
import { closeLater } from '../data-sources';
import type { Entity } from './case';

/** A DataSource with a {@link chain} of entities, closed by `closeDataSources`. */
export async function openChain(options: object, count: number): Promise<DataSource> {
  const entities = chain(count).map((entity) => new EntitySchema(entity));
  return closeLater(await new DataSource({ entities, ...options } as DataSourceOptions).initialize());
}

/** So many entities, each with a key of the one before and of the first, an index and a unique column. */
function chain(count: number): Entity[] {
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
