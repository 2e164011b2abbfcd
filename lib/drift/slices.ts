import type { EntityMetadata } from 'typeorm';

/** Entities that a schema builder is asked about at one time: it blocks the event loop for 10 to 70 ms. */
const SLICE = 10;

/** Entities in slices of about ten; views depend on each other, and come together as the last one. */
export function slicesOf(entities: readonly EntityMetadata[], size = SLICE): EntityMetadata[][] {
  const synchronized = entities.filter(
    ({ synchronize, tableType }) => synchronize && tableType !== 'entity-child',
  );
  const slices: EntityMetadata[][] = [];
  // Two entities of one table are compared with it one after the other.
  for (const table of byPath(synchronized.filter(({ tableType }) => tableType !== 'view')).values()) {
    const last = slices.at(-1);
    if (last === undefined || last.length >= size) slices.push([...table]);
    else last.push(...table);
  }
  return [...slices, synchronized.filter(({ tableType }) => tableType === 'view')];
}

/** The slices that have an entity whose foreign key refers to one of these entities, or are theirs. */
export function referringTo(
  entities: ReadonlySet<EntityMetadata>,
  slices: readonly (readonly EntityMetadata[])[],
): Set<number> {
  const isAffected = (entity: EntityMetadata) =>
    entities.has(entity) ||
    entity.foreignKeys.some(({ referencedEntityMetadata }) => entities.has(referencedEntityMetadata));
  return new Set(slices.flatMap((slice, index) => (slice.some(isAffected) ? [index] : [])));
}

function byPath(entities: readonly EntityMetadata[]): Map<string, EntityMetadata[]> {
  const tables = new Map<string, EntityMetadata[]>();
  for (const entity of entities) {
    const known = tables.get(entity.tablePath);
    if (known === undefined) tables.set(entity.tablePath, [entity]);
    else known.push(entity);
  }
  return tables;
}
