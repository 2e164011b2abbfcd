import type { MigrationInterface } from 'typeorm';
import { InvalidMigrationsError } from '../prometheus-migrations.errors';

/** A shorter class name comes from a minifier, not from a person. */
const SHORTEST_NAME = 4;

/** Explains that TypeORM refuses a class whose name has no timestamp, and how to fix it. */
export function withoutTimestamp(name: string, migration: MigrationInterface): InvalidMigrationsError {
  if (!isMigration(migration)) {
    return new InvalidMigrationsError(
      `"${name}" is among the migrations but is not a migration: it has no up() and down(). ` +
        'Keep its file out of the paths in the option migrations, or do not export it; until then TypeORM runs no migration.',
    );
  }
  const fix =
    name.length < SHORTEST_NAME
      ? "If a minifier has renamed its class, give the class a property name, as in name = 'CreateUsers" +
        `${Date.now()}'`
      : `Rename its class to "${name}${Date.now()}" or the like`;
  return new InvalidMigrationsError(
    `The migration "${name}" does not end with a timestamp. ${fix}; TypeORM cannot run it as it is.`,
  );
}

/** Explains that TypeORM refuses two migrations with one name, and how to fix it. */
export function definedTwice(
  name: string,
  first: MigrationInterface | undefined,
  second: MigrationInterface,
): InvalidMigrationsError {
  const fix =
    first?.constructor === second.constructor
      ? 'It is one class: export it under one name only (not as default as well, nor again from an index), and list it once in the option migrations'
      : 'These are two classes: look for a second copy of the file that the option migrations finds, as in src and dist, or rename one of them';
  return new InvalidMigrationsError(
    `The migration "${name}" is defined twice. ${fix}; TypeORM cannot run them as they are.`,
  );
}

function isMigration(migration: Partial<MigrationInterface>): boolean {
  return typeof migration.up === 'function' && typeof migration.down === 'function';
}
