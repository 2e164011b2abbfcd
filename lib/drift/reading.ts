/** What the schema builder would do about a difference: TypeORM's own method, in words. */
export type DriftChange =
  | `${'create' | 'drop'} ${'view' | 'view index' | 'index' | 'foreign key' | 'unique constraint' | 'check constraint' | 'exclusion constraint'}`
  | `${'add' | 'drop' | 'change' | 'rename'} column`
  | 'create table'
  | 'update primary keys'
  | 'change table comment'
  | 'other';

/** One thing that the entities want and the schema has not. It holds no SQL and no default, which may be secret. */
export interface DriftDifference {
  readonly change: DriftChange;
  /** As TypeORM calls it: `orders`, or `app.orders` outside of the current schema. */
  readonly table: string;
  /** Of the column, index or constraint, as the database has it; left out where the change is the table's own. */
  readonly name?: string;
  /** Statements that `migration:generate` would emit for it. */
  readonly statements: number;
}

/** Every reason for which drift is not judged. */
export const DRIFT_SKIPS = [
  'unapplied',
  'unreadable',
  'denied',
  'shared_connection',
  'unsupported',
  'timeout',
  'other',
] as const;

/** Why drift was not judged. */
export type DriftSkip = (typeof DRIFT_SKIPS)[number];

/** What one look at one connection's schema came to. */
export type DriftReading =
  | {
      /** Statements that `migration:generate` would emit: those of the differences, added up. */
      readonly statements: number;
      readonly differences: readonly DriftDifference[];
      /** Unix time in milliseconds. */
      readonly checkedAt: number;
    }
  | { readonly skipped: DriftSkip; readonly checkedAt: number };

/** A skip that was understood before any driver saw it. */
export class DriftSkipped extends Error {
  constructor(readonly skip: DriftSkip) {
    super(skip);
  }
}
