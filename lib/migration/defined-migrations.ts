import type { DataSource } from 'typeorm';
import { InvalidMigrationsError } from '../prometheus-migrations.errors';
import { type DefinedMigration, migrationTimestamp } from './migration.state';

/**
 * The migrations that a DataSource's code defines.
 *
 * A name is `migration.name` or else the class's name, as in TypeORM's `MigrationExecutor`.
 *
 * @throws {@link InvalidMigrationsError} where TypeORM would refuse to run them: a name that does not
 * end with a timestamp, or two migrations of one name
 */
export function definedMigrations(dataSource: Pick<DataSource, 'migrations'>): readonly DefinedMigration[] {
  const defined = new Map<string, DefinedMigration>();
  for (const migration of dataSource.migrations) {
    const name = migration.name ?? migration.constructor.name;
    const timestamp = migrationTimestamp(name);
    if (Number.isNaN(timestamp)) {
      throw new InvalidMigrationsError(
        `The migration "${name}" does not end with a timestamp. ` +
          `Rename its class to "${name}${Date.now()}" or the like; TypeORM cannot run it as it is.`,
      );
    }
    if (defined.has(name)) {
      throw new InvalidMigrationsError(
        `The migration "${name}" is defined twice. ` +
          'Look for a glob in `migrations` that matches it a second time; TypeORM cannot run them as they are.',
      );
    }
    defined.set(name, { name, timestamp });
  }
  return [...defined.values()];
}
