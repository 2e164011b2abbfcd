/** A migration as the code defines it. */
export interface DefinedMigration {
  /** The name that TypeORM records when it runs the migration. */
  readonly name: string;
  /** Milliseconds since the epoch: the 13 digits that TypeORM wants at the end of the name. */
  readonly timestamp: number;
}

/**
 * What the code defines, joined with what the database has recorded.
 *
 * Every list holds distinct names in the order of their timestamps (equal timestamps: by name).
 */
export interface MigrationState {
  /** Defined in the code. */
  readonly defined: readonly string[];
  /** Recorded in the database, whether the code still defines them or not. */
  readonly applied: readonly string[];
  /** Defined in the code and not recorded: what a deployment still has to run. */
  readonly unapplied: readonly string[];
  /** Recorded and not defined in the code: the database is ahead of it. */
  readonly unknown: readonly string[];
  /** Unapplied and older than the newest applied one: merged late, or skipped. */
  readonly outOfOrder: readonly string[];
}

/** Why a connection's migrations could not be read. */
export type FailureReason =
  'timeout' | 'unreachable' | 'denied' | 'uninitialized' | 'invalid_migrations' | 'other';

/** What one reading of one connection came to. */
export type MigrationReading =
  | {
      readonly connection: string;
      readonly status: 'read';
      readonly state: MigrationState;
      readonly durationSeconds: number;
    }
  | {
      readonly connection: string;
      readonly status: 'failed';
      readonly reason: FailureReason;
      readonly durationSeconds: number;
    };

/**
 * The timestamp that a migration's name ends with, by TypeORM's own rule; `NaN` where there is none.
 *
 * Source: `MigrationExecutor.getMigrations()` of TypeORM 0.3 and 1.x.
 */
export function migrationTimestamp(name: string): number {
  return Number.parseInt(name.slice(-13), 10) || Number.NaN;
}

/**
 * Joins the migrations that the code defines with the names that the database has recorded.
 * Neither order nor duplicates of either side matter; linear in both where they come in order.
 */
export function joinMigrations(
  defined: Iterable<DefinedMigration>,
  recorded: Iterable<string>,
): MigrationState {
  const recordedNames = new Set(recorded);
  const definedNames = new Set<string>();
  const definedInOrder: DefinedMigration[] = [];
  const known: DefinedMigration[] = [];
  const unapplied: DefinedMigration[] = [];
  for (const migration of [...defined].sort(byTimestamp)) {
    if (definedNames.has(migration.name)) continue;
    definedNames.add(migration.name);
    definedInOrder.push(migration);
    (recordedNames.has(migration.name) ? known : unapplied).push(migration);
  }

  const unknown: DefinedMigration[] = [];
  for (const name of recordedNames) {
    // A row that somebody wrote by hand need not end with a timestamp: it sorts before all others.
    if (!definedNames.has(name)) unknown.push({ name, timestamp: migrationTimestamp(name) || 0 });
  }
  unknown.sort(byTimestamp);

  const applied = unknown.length === 0 ? known : [...known, ...unknown].sort(byTimestamp);
  const newestApplied = applied.at(-1)?.timestamp ?? 0;
  return Object.freeze({
    defined: names(definedInOrder),
    applied: names(applied),
    unapplied: names(unapplied),
    unknown: names(unknown),
    outOfOrder: names(unapplied.filter(({ timestamp }) => timestamp < newestApplied)),
  });
}

function byTimestamp(a: DefinedMigration, b: DefinedMigration): number {
  return a.timestamp - b.timestamp || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

function names(migrations: readonly DefinedMigration[]): readonly string[] {
  return Object.freeze(migrations.map(({ name }) => name));
}
