import { describe, expect, it } from 'vitest';
import { definedMigrations } from '../../../lib/migration/defined-migrations';
import { InvalidMigrationsError } from '../../../lib/prometheus-migrations.errors';
import { defineMigration, defineMigrations } from '../../support/migrations';

function defined(...classes: ReturnType<typeof defineMigrations>) {
  return definedMigrations({ migrations: classes.map((migration) => new migration()) });
}

describe('definedMigrations', () => {
  it('names migrations by their classes, in the order of their timestamps', async () => {
    expect(await defined(...defineMigrations(2).reverse())).toEqual({
      names: ['Step1700000000000', 'Step1700000000001'],
      timestamps: [1_700_000_000_000, 1_700_000_000_001],
    });
  });

  it('prefers the name that a migration gives itself, as TypeORM does', async () => {
    const migration = new (defineMigration('Minified'))();
    const named = Object.assign(migration, { name: 'Real1700000000007' });
    expect((await definedMigrations({ migrations: [named] })).names).toEqual(['Real1700000000007']);
  });

  it('looks at them again where there are others, and only then', async () => {
    const dataSource = { migrations: defineMigrations(2).map((migration) => new migration()) };
    const first = await definedMigrations(dataSource);
    expect(await definedMigrations(dataSource)).toBe(first);
    dataSource.migrations.pop();
    expect((await definedMigrations(dataSource)).names).toHaveLength(1);
    dataSource.migrations = defineMigrations(3).map((migration) => new migration());
    expect((await definedMigrations(dataSource)).names).toHaveLength(3);
  });

  it('refuses a name without a timestamp, naming it and the fix', async () => {
    await expect(defined(defineMigration('CreateUsers'))).rejects.toThrow(InvalidMigrationsError);
    await expect(defined(defineMigration('CreateUsers'))).rejects.toThrow(
      /"CreateUsers" does not end with a timestamp\. Rename its class to "CreateUsers\d{13}"/,
    );
  });

  it('refuses two migrations of one name', async () => {
    await expect(defined(...defineMigrations(1), ...defineMigrations(1))).rejects.toThrow(
      /"Step1700000000000" is defined twice\. Look for a glob/,
    );
  });

  it('leaves the event loop its turns between very many', async () => {
    let turns = 0;
    let running = true;
    const count = () => {
      turns += 1;
      if (running) setImmediate(count);
    };
    setImmediate(count);
    expect((await defined(...defineMigrations(5500))).names).toHaveLength(5500);
    running = false;
    expect(turns).toBeGreaterThanOrEqual(5);
  });
});
