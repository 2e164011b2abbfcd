import type { DataSource, MigrationInterface } from 'typeorm';
import { clock, wait, yieldToEventLoop } from '../clock';
import { InvalidMigrationsError } from '../prometheus-migrations.errors';
import { MigrationFailure } from './failure';
import { migrationTimestamp, type OrderedMigrations, orderMigrations } from './state';

/** Migrations looked at before the event loop gets its turn: some milliseconds of work. */
const CHUNK = 1000;

/** The migrations of a DataSource when they were put in order, and the names that they gave themselves. */
interface Known {
  readonly migrations: readonly MigrationInterface[];
  readonly ownNames: readonly unknown[];
  readonly ordered: OrderedMigrations;
}

/** Shared by all readers of a DataSource: naming thousands of classes takes longer than reading the database. */
const known = new WeakMap<DataSource, Known>();

/**
 * The migrations that a DataSource's code defines, in the order of their timestamps.
 *
 * The migrations are compared at every call, and named and sorted again only when one has changed.
 */
export class DefinedMigrations {
  private readonly readiness: Readiness;

  /** @param patience - milliseconds that may be waited for `initialize()` */
  constructor(
    private readonly dataSource: DataSource,
    patience = Infinity,
  ) {
    this.readiness = new Readiness(dataSource, patience);
  }

  /**
   * @throws {@link MigrationFailure} `uninitialized` until `initialize()` has filled `migrations`
   * @throws {@link InvalidMigrationsError} if TypeORM would refuse to run them: a name that does not end
   * with a timestamp, or two migrations of one name
   */
  async read(): Promise<OrderedMigrations> {
    await this.readiness.check();
    const before = known.get(this.dataSource);
    if (before !== undefined && areUnchanged(before, this.dataSource)) return before.ordered;
    const migrations = [...this.dataSource.migrations];
    const ownNames = migrations.map(ownNameOf);
    const ordered = orderMigrations(await validNames(namesOf(migrations, this.dataSource)));
    known.set(this.dataSource, { migrations, ownNames, ordered });
    return ordered;
  }
}

/** How many migrations the code defined when it was last looked at; `undefined` if that could never be told. */
export function definedCount(dataSource: DataSource): number | undefined {
  return known.get(dataSource)?.migrations.length;
}

function areUnchanged(before: Known, { migrations }: DataSource): boolean {
  return (
    migrations.length === before.migrations.length &&
    migrations.every(
      (migration, index) =>
        migration === before.migrations[index] && ownNameOf(migration) === before.ownNames[index],
    )
  );
}

function ownNameOf(migration: MigrationInterface): unknown {
  return Object.hasOwn(migration, 'name') ? migration.name : undefined;
}

/**
 * A migration's name or else its class's name.
 *
 * Source: `MigrationExecutor.getMigrations()`. TypeORM 0.3 takes the class's name for an empty name as
 * well (`||`), 1.x does not (`??`).
 */
function namesOf(migrations: readonly MigrationInterface[], dataSource: DataSource): string[] {
  const isVersion03 = 'name' in dataSource;
  return migrations.map((migration) =>
    isVersion03
      ? migration.name || migration.constructor.name
      : (migration.name ?? migration.constructor.name),
  );
}

export function areEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}

async function validNames(migrations: readonly string[]): Promise<Set<string>> {
  const names = new Set<string>();
  for (const name of migrations) {
    if (Number.isNaN(migrationTimestamp(name))) {
      throw new InvalidMigrationsError(
        `The migration "${name}" does not end with a timestamp. ` +
          `Rename its class to "${name}${Date.now()}" or the like; TypeORM cannot run it as it is.`,
      );
    }
    if (names.has(name)) {
      throw new InvalidMigrationsError(
        `The migration "${name}" is defined twice. ` +
          'Look for a glob in `migrations` that matches it a second time; TypeORM cannot run them as they are.',
      );
    }
    names.add(name);
    if (names.size % CHUNK === 0) await yieldToEventLoop();
  }
  return names;
}

/** Milliseconds that a DataSource without a migration may still take to load those of its globs. */
const LOADING_MIGRATIONS = 1000;
/** The same for its entities, which come first. */
const LOADING_ENTITIES = 5000;
const LOOK_EVERY = 20;

/**
 * Tells whether `initialize()` has filled `migrations`. `isInitialized` does not: it is set after the
 * connection is made and before entities and migrations are loaded.
 */
class Readiness {
  /** The array that `initialize()` has not replaced yet. */
  private unfilled: object | undefined;
  private wasFilled = false;
  /** The array that was there when there were no entities yet, and when that was seen first. */
  private beforeEntities: { readonly migrations: object; readonly since: number } | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly patience: number,
  ) {}

  async check(): Promise<void> {
    // Counted by looks: while files are loaded the event loop stands still.
    const looks = Math.min(this.patience, LOADING_MIGRATIONS) / LOOK_EVERY;
    for (let look = 0; ; look += 1) {
      const filled = this.isFilled();
      if (filled === false) throw new MigrationFailure('uninitialized');
      if (filled === true || look >= looks) break;
      await wait(LOOK_EVERY);
    }
    this.wasFilled = true;
  }

  /** `undefined` if that cannot be told: globs that match nothing look like globs that still load. */
  private isFilled(): boolean | undefined {
    const { isInitialized, migrations, options } = this.dataSource;
    if (!isInitialized) this.unfilled = migrations;
    if (this.unfilled === migrations) return false;
    if (this.wasFilled || migrations.length > 0) return true;
    const configured = listOf(options.migrations);
    if (configured.length === 0) return true;
    const hasClasses = configured.some((migration) => typeof migration !== 'string');
    if (hasClasses || this.wasSeenBeforeEntities()) {
      this.unfilled = migrations;
      return false;
    }
    return this.mayLoadEntities() ? false : undefined;
  }

  private wasSeenBeforeEntities(): boolean {
    const { entityMetadatas, migrations } = this.dataSource;
    return entityMetadatas.length > 0 && this.beforeEntities?.migrations === migrations;
  }

  private mayLoadEntities(): boolean {
    const { entityMetadatas, migrations, options } = this.dataSource;
    if (entityMetadatas.length > 0 || listOf(options.entities).length === 0) return false;
    this.beforeEntities ??= { migrations, since: clock.now() };
    return clock.now() - this.beforeEntities.since < LOADING_ENTITIES;
  }
}

/** Options of TypeORM hold lists or objects. */
function listOf(option: unknown): unknown[] {
  return typeof option === 'object' && option !== null ? Object.values(option) : [];
}
