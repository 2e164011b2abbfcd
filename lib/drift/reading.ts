/** The change that the schema builder would make: TypeORM's own method, in words. */
export type DriftChange =
  | `${'create' | 'drop'} ${'view' | 'view index' | 'index' | 'foreign key' | 'unique constraint' | 'check constraint' | 'exclusion constraint'}`
  | `${'add' | 'drop' | 'change' | 'rename'} column`
  | 'create table'
  | 'update primary keys'
  | 'change table comment'
  | 'other';

/**
 * One difference between the entities and the schema. It contains no SQL and no default, which may be secret.
 */
export interface DriftDifference {
  readonly change: DriftChange;
  /** Name of the table in TypeORM: `orders`, or `app.orders` outside of the current schema. */
  readonly table: string;
  /**
   * Name of the column, index or constraint in the database. Omitted if the change concerns the table itself.
   */
  readonly name?: string;
  /** Statements that `migration:generate` would emit for it. */
  readonly statements: number;
}

/** Every reason why drift is not judged. */
export const DRIFT_SKIPS = [
  'unapplied',
  'unreadable',
  'denied',
  'no_entities',
  'shared_connection',
  'unsupported',
  'timeout',
  'other',
] as const;

/** Why drift was not judged. */
export type DriftSkip = (typeof DRIFT_SKIPS)[number];

/** The result of one drift check of one connection. */
export type DriftReading =
  | {
      /** Statements that `migration:generate` would emit: the sum over the differences. */
      readonly statements: number;
      readonly differences: readonly DriftDifference[];
      /** Unix time in milliseconds. */
      readonly checkedAt: number;
    }
  | { readonly skipped: DriftSkip; readonly checkedAt: number };

/** A skip with a known reason that did not come from a driver. */
export class DriftSkipped extends Error {
  constructor(readonly skip: DriftSkip) {
    super(skip);
  }
}
