import type { DataSource } from 'typeorm';
import { InvalidMigrationsError } from '../prometheus-migrations.errors';
import { migrationTimestamp, type OrderedMigrations, orderMigrations } from './migration.state';

/** By the array that a DataSource keeps them in: `initialize()` makes a new one. */
const known = new WeakMap<object, OrderedMigrations>();

/** Migrations looked at before the event loop has its turn: some milliseconds' worth. */
const AT_A_STRETCH = 1000;

/**
 * The migrations that a DataSource's code defines, in the order of their timestamps.
 *
 * A name is `migration.name` or else the class's name, as in TypeORM's `MigrationExecutor`.
 *
 * @throws {@link InvalidMigrationsError} where TypeORM would refuse to run them: a name that does not
 * end with a timestamp, or two migrations of one name
 */
export async function definedMigrations({
  migrations,
}: Pick<DataSource, 'migrations'>): Promise<OrderedMigrations> {
  const before = known.get(migrations);
  if (before?.names.length === migrations.length) return before;
  const defined = orderMigrations(await validNames(migrations));
  known.set(migrations, defined);
  return defined;
}

async function validNames(migrations: DataSource['migrations']): Promise<Set<string>> {
  const names = new Set<string>();
  for (const migration of migrations) {
    const name = migration.name || migration.constructor.name;
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
    if (names.size % AT_A_STRETCH === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return names;
}
