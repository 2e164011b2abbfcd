/** Distinct migrations in the order of their timestamps (equal timestamps: by name). */
export interface OrderedMigrations {
  readonly names: readonly string[];
  /** Milliseconds since the epoch, one for each name. */
  readonly timestamps: readonly number[];
}

/**
 * The migrations in the code, joined with those recorded in the database.
 *
 * Every list holds distinct names in the order of their timestamps (equal timestamps: by name).
 */
export interface MigrationState {
  /** Defined in the code. */
  readonly defined: readonly string[];
  /** Recorded in the database, including those that the code no longer defines. */
  readonly applied: readonly string[];
  /** Defined in the code and not recorded: a deployment still has to run them. */
  readonly unapplied: readonly string[];
  /** Recorded and not defined in the code: the database is ahead of it. */
  readonly unknown: readonly string[];
  /** Unapplied and older than the newest applied one: merged late, or skipped. */
  readonly outOfOrder: readonly string[];
}

/**
 * Returns the timestamp at the end of a migration's name, by TypeORM's own rule; `NaN` if there is none.
 *
 * Source: `MigrationExecutor.getMigrations()` of TypeORM 0.3 and 1.x.
 */
export function migrationTimestamp(name: string): number {
  return Number.parseInt(name.slice(-13), 10) || Number.NaN;
}

/** Sorts migrations by timestamp, each name once. */
export function orderMigrations(names: Iterable<string>): OrderedMigrations {
  const migrations = Array.from(new Set(names), (name) => ({
    name,
    // A row written by hand may have no timestamp: it sorts before all others.
    timestamp: migrationTimestamp(name) || 0,
  })).sort((a, b) => a.timestamp - b.timestamp || (a.name < b.name ? -1 : 1));
  return {
    names: Object.freeze(migrations.map(({ name }) => name)),
    timestamps: migrations.map(({ timestamp }) => timestamp),
  };
}

/** Joins the migrations that the code defines with the names that the database has recorded. */
export function joinMigrations(
  { names: defined, timestamps }: OrderedMigrations,
  recorded: ReadonlySet<string>,
): MigrationState {
  const known: string[] = [];
  const unapplied: string[] = [];
  const unappliedTimestamps: number[] = [];
  let newestApplied = 0;
  defined.forEach((name, index) => {
    if (recorded.has(name)) {
      known.push(name);
      newestApplied = timestamps[index] as number;
    } else {
      unapplied.push(name);
      unappliedTimestamps.push(timestamps[index] as number);
    }
  });

  const unknown = known.length === recorded.size ? NONE : orderMigrations(without(recorded, known));
  newestApplied = Math.max(newestApplied, unknown.timestamps.at(-1) ?? 0);
  return Object.freeze({
    defined,
    applied: unknown === NONE ? Object.freeze(known) : orderMigrations(recorded).names,
    unapplied: Object.freeze(unapplied),
    unknown: unknown.names,
    outOfOrder: Object.freeze(
      unapplied.filter((_name, index) => (unappliedTimestamps[index] as number) < newestApplied),
    ),
  });
}

const NONE = orderMigrations([]);

function without(recorded: ReadonlySet<string>, known: readonly string[]): Set<string> {
  const rest = new Set(recorded);
  for (const name of known) rest.delete(name);
  return rest;
}
