import type { DataSource } from 'typeorm';
import { wait, yieldToEventLoop } from '../clock';
import { InvalidMigrationsError } from '../prometheus-migrations.errors';
import { MigrationFailure } from './failure';
import { migrationTimestamp, type OrderedMigrations, orderMigrations } from './state';

/** Migrations looked at before the event loop gets its turn: some milliseconds of work. */
const CHUNK = 1000;

/**
 * The migrations that a DataSource's code defines, in the order of their timestamps.
 *
 * The names are checked at every call and sorted again only when one has changed.
 */
export class DefinedMigrations {
  private readonly readiness: Readiness;
  private names: readonly string[] = [];
  private ordered: OrderedMigrations | undefined;

  constructor(private readonly dataSource: DataSource) {
    this.readiness = new Readiness(dataSource);
  }

  /**
   * @throws {@link MigrationFailure} `uninitialized` until `initialize()` has filled `migrations`
   * @throws {@link InvalidMigrationsError} if TypeORM would refuse to run them: a name that does not end
   * with a timestamp, or two migrations of one name
   */
  async read(): Promise<OrderedMigrations> {
    await this.readiness.check();
    const names = namesOf(this.dataSource);
    if (this.ordered === undefined || !areEqual(names, this.names)) {
      this.ordered = orderMigrations(await validNames(names));
      this.names = names;
    }
    return this.ordered;
  }
}

/**
 * A migration's name or else its class's name.
 *
 * Source: `MigrationExecutor.getMigrations()`. TypeORM 0.3 takes the class's name for an empty name as
 * well (`||`), 1.x does not (`??`).
 */
function namesOf(dataSource: DataSource): string[] {
  const isVersion03 = 'name' in dataSource;
  return dataSource.migrations.map((migration) =>
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

/** Milliseconds that a DataSource with globs, and without a migration, may still take to load them. */
const LOADING = 1000;
const LOOK_EVERY = 20;

/**
 * Tells whether `initialize()` has filled `migrations`. `isInitialized` does not: it is set after the
 * connection is made and before entities and migrations are loaded.
 */
class Readiness {
  /** The array that `initialize()` has not replaced yet. */
  private unfilled: object | undefined;
  private wasFilled = false;

  constructor(private readonly dataSource: DataSource) {}

  async check(): Promise<void> {
    for (let waited = 0; ; waited += LOOK_EVERY) {
      const filled = this.isFilled();
      if (filled === false) throw new MigrationFailure('uninitialized');
      if (filled === true || waited >= LOADING) break;
      await wait(LOOK_EVERY);
    }
    this.wasFilled = true;
  }

  /** `undefined` if that cannot be told: globs that match nothing look like globs that still load. */
  private isFilled(): boolean | undefined {
    const { isInitialized, migrations, options, entityMetadatas } = this.dataSource;
    if (!isInitialized) this.unfilled = migrations;
    if (this.unfilled === migrations) return false;
    if (this.wasFilled || migrations.length > 0) return true;
    const configured = listOf(options.migrations);
    if (configured.length === 0) return true;
    const isLoading =
      configured.some((migration) => typeof migration !== 'string') ||
      (listOf(options.entities).length > 0 && entityMetadatas.length === 0);
    if (isLoading) this.unfilled = migrations;
    return isLoading ? false : undefined;
  }
}

/** Options of TypeORM hold lists or objects. */
function listOf(option: unknown): unknown[] {
  return typeof option === 'object' && option !== null ? Object.values(option) : [];
}
