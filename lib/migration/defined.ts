import type { DataSource, MigrationInterface } from 'typeorm';
import { within, yieldToEventLoop } from '../clock';
import { MigrationFailure } from './failure';
import { definedTwice, withoutTimestamp } from './invalid';
import { migrationTimestamp, type OrderedMigrations, orderMigrations } from './state';

/** Migrations checked before yielding to the event loop: a few milliseconds of work. */
const CHUNK = 1000;

/** A DataSource's migrations at the time of sorting, and their own `name` properties. */
interface Known {
  readonly migrations: readonly MigrationInterface[];
  readonly ownNames: readonly unknown[];
  readonly ordered: OrderedMigrations;
}

/**
 * Shared by all readers of a DataSource: naming thousands of classes takes longer than reading the database.
 */
const known = new WeakMap<DataSource, Known>();

/**
 * The migrations that a DataSource's code defines, in the order of their timestamps.
 *
 * Each call compares the migrations. They are named and sorted again only if one has changed.
 */
export class DefinedMigrations {
  private readonly readiness: Readiness;

  /** @param patience - how long to wait for files to load, in milliseconds */
  constructor(
    private readonly dataSource: DataSource,
    patience = 1000,
  ) {
    this.readiness = new Readiness(dataSource, patience);
  }

  /**
   * @throws {@link MigrationFailure} `uninitialized` until `initialize()` has filled `migrations`
   * @throws `InvalidMigrationsError` if TypeORM would refuse to run them: a name that does not end
   * with a timestamp, or two migrations of one name
   */
  async read(): Promise<OrderedMigrations> {
    await this.readiness.check();
    const before = known.get(this.dataSource);
    if (before !== undefined && areUnchanged(before, this.dataSource)) return before.ordered;
    const migrations = [...this.dataSource.migrations];
    const ownNames = migrations.map(ownNameOf);
    const ordered = orderMigrations(await validNames(namesOf(migrations, this.dataSource), migrations));
    known.set(this.dataSource, { migrations, ownNames, ordered });
    return ordered;
  }
}

/** Returns how many migrations the code defined at the last read; `undefined` if there was none. */
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
 * Returns each migration's `name`, or else the name of its class.
 *
 * Source: `MigrationExecutor.getMigrations()`. For an empty name, TypeORM 0.3 also uses the class's name
 * (`||`); 1.x does not (`??`).
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
  return a === b || (a.length === b.length && a.every((name, index) => name === b[index]));
}

/** Returns the distinct names, or throws the error that TypeORM would cause. */
async function validNames(
  names: readonly string[],
  migrations: readonly MigrationInterface[],
): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  for (const [index, name] of names.entries()) {
    const migration = migrations[index] as MigrationInterface;
    if (Number.isNaN(migrationTimestamp(name))) throw withoutTimestamp(name, migration);
    if (seen.has(name)) throw definedTwice(name, migrations[names.indexOf(name)], migration);
    seen.add(name);
    if (seen.size % CHUNK === 0) await yieldToEventLoop();
  }
  return seen;
}

/**
 * Detects whether `initialize()` has filled `migrations`. `isInitialized` is not enough: TypeORM sets it
 * after connecting and before it loads entities and migrations.
 *
 * `initialize()` always replaces the array `migrations`, even with an empty one. So the array from before
 * `initialize()` is not filled. If the DataSource was already connected at the first read, an empty array is
 * ambiguous. Then TypeORM builds the migrations of the DataSource's options once more, to count them.
 */
class Readiness {
  /** The array that `initialize()` has not replaced yet. */
  private unfilled: object | undefined;
  private wasFilled = false;
  /** The count that is still running in TypeORM. */
  private asking: Promise<boolean> | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly patience: number,
  ) {}

  async check(): Promise<void> {
    if (!(await this.isFilled())) throw new MigrationFailure('uninitialized');
    this.wasFilled = true;
  }

  private async isFilled(): Promise<boolean> {
    const { isInitialized, migrations } = this.dataSource;
    if (!isInitialized) this.unfilled = migrations;
    if (this.unfilled === migrations) return false;
    if (this.wasFilled || migrations.length > 0) return true;
    this.asking ??= this.definesNone().finally(() => (this.asking = undefined));
    // Bounded, because a file may never finish loading.
    const definesNone = await within(this.patience, this.asking, () => undefined);
    return definesNone === true || this.dataSource.migrations !== migrations;
  }

  /** Whether `initialize()` leaves `migrations` empty; also `false` while that is not known. */
  private async definesNone(): Promise<boolean> {
    const { migrations, options } = this.dataSource;
    const configured = listOf(options.migrations);
    if (configured.length === 0) return true;
    if (areGlobs(configured)) {
      if (await this.matchNothing(configured)) return true;
      if (!(await this.hasLoadedEntities())) return false;
      if ((await this.build(configured)) === 0) return true;
    }
    this.unfilled = migrations;
    return false;
  }

  /**
   * Whether TypeORM has begun to load migrations. Loading them before its entities would change the order.
   */
  private async hasLoadedEntities(): Promise<boolean> {
    const { entityMetadatas, options } = this.dataSource;
    if (entityMetadatas.length > 0) return true;
    const loadedFirst = [...listOf(options.subscribers), ...listOf(options.entities)];
    return areGlobs(loadedFirst) && this.matchNothing(loadedFirst);
  }

  /** Whether no file matches any of these globs. Loads no file. */
  private async matchNothing(globs: readonly unknown[]): Promise<boolean> {
    // TypeORM logs the files that it found before it loads the first one.
    const stopIfFound = (_level: string, message: string) => {
      if (!message.startsWith('No classes were found')) throw new MigrationFailure('uninitialized');
    };
    return (await this.build(globs, stopIfFound)) === 0;
  }

  /**
   * Counts the migrations that TypeORM builds from a list; `undefined` if it fails.
   *
   * TypeORM's own method runs on an object in place of the DataSource. It loads the same files as
   * `initialize()`, and Node loads a module only once.
   */
  private async build(
    migrations: readonly unknown[],
    log: (level: string, message: string) => void = () => undefined,
  ): Promise<number | undefined> {
    try {
      const { dataSource } = this;
      const own = {
        options: { ...dataSource.options, subscribers: [], entities: [], migrations },
        logger: { log },
        subscribers: [],
        entityMetadatas: [],
        entityMetadatasMap: new Map(),
        migrations: [],
      };
      // Own properties, so that assignments reach neither the DataSource nor a proxy around it.
      const standIn = Object.create(dataSource, Object.getOwnPropertyDescriptors(own)) as typeof own;
      await (standIn as unknown as { buildMetadatas(): Promise<void> }).buildMetadatas();
      return standIn.migrations.length;
    } catch {
      return undefined;
    }
  }
}

function areGlobs(list: readonly unknown[]): boolean {
  return list.every((entry) => typeof entry === 'string');
}

/** TypeORM accepts a list or an object here. */
function listOf(option: unknown): unknown[] {
  return typeof option === 'object' && option !== null ? Object.values(option) : [];
}
