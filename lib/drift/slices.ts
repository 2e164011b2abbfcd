import type { EntityMetadata } from 'typeorm';

/** Number of entities per schema builder: one slice blocks the event loop for 10 to 70 ms. */
const SLICE = 10;

/**
 * Splits entities into slices of about ten. Views depend on each other, so they form the last slice together.
 */
export function slicesOf(entities: readonly EntityMetadata[], size = SLICE): EntityMetadata[][] {
  const synchronized = entities.filter(
    ({ synchronize, tableType }) => synchronize && tableType !== 'entity-child',
  );
  const slices: EntityMetadata[][] = [];
  // Entities of one table stay in one slice, because the builder compares them with the table one after the
  // other.
  for (const table of byPath(synchronized.filter(({ tableType }) => tableType !== 'view')).values()) {
    const last = slices.at(-1);
    if (last === undefined || last.length >= size) slices.push([...table]);
    else last.push(...table);
  }
  return [...slices, synchronized.filter(({ tableType }) => tableType === 'view')];
}

/** Finds the slices that contain one of these entities, or an entity with a foreign key to one. */
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
