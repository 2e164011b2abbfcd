import { describe, expect, it } from 'vitest';
import { definedMigrations } from '../../../lib/migration/defined-migrations';
import { InvalidMigrationsError } from '../../../lib/prometheus-migrations.errors';
import { defineMigration, defineMigrations } from '../../support/migrations';

function defined(...classes: ReturnType<typeof defineMigrations>) {
  return definedMigrations({ migrations: classes.map((migration) => new migration()) });
}

describe('definedMigrations', () => {
  it('names migrations by their classes', () => {
    expect(defined(...defineMigrations(2))).toEqual([
      { name: 'Step1700000000000', timestamp: 1_700_000_000_000 },
      { name: 'Step1700000000001', timestamp: 1_700_000_000_001 },
    ]);
  });

  it('prefers the name that a migration gives itself, as TypeORM does', () => {
    const migration = new (defineMigration('Minified'))();
    expect(
      definedMigrations({ migrations: [Object.assign(migration, { name: 'Real1700000000007' })] }),
    ).toEqual([{ name: 'Real1700000000007', timestamp: 1_700_000_000_007 }]);
  });

  it('refuses a name without a timestamp, naming it and the fix', () => {
    expect(() => defined(defineMigration('CreateUsers'))).toThrow(InvalidMigrationsError);
    expect(() => defined(defineMigration('CreateUsers'))).toThrow(
      /"CreateUsers" does not end with a timestamp\. Rename its class to "CreateUsers\d{13}"/,
    );
  });

  it('refuses two migrations of one name', () => {
    expect(() => defined(...defineMigrations(1), ...defineMigrations(1))).toThrow(
      /"Step1700000000000" is defined twice\. Look for a glob/,
    );
  });
});
