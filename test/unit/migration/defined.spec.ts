import type { DataSource, MigrationInterface } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { DefinedMigrations } from '../../../lib/migration/defined';
import { MigrationFailure } from '../../../lib/migration/failure';
import { InvalidMigrationsError } from '../../../lib/prometheus-migrations.errors';
import { defineMigration, defineMigrations } from '../../support/migrations';

/** What is looked at of a DataSource, as it is after `initialize()`. */
function dataSource(migrations: MigrationInterface[], rest: object = {}) {
  return {
    isInitialized: true,
    migrations,
    options: {},
    entityMetadatas: [],
    ...rest,
  } as unknown as DataSource;
}

function defined(...classes: ReturnType<typeof defineMigrations>) {
  return new DefinedMigrations(dataSource(classes.map((migration) => new migration()))).read();
}

describe('DefinedMigrations', () => {
  it('names migrations by their classes, in the order of their timestamps', async () => {
    expect(await defined(...defineMigrations(2).reverse())).toEqual({
      names: ['Step1700000000000', 'Step1700000000001'],
      timestamps: [1_700_000_000_000, 1_700_000_000_001],
    });
  });

  it('prefers the name that a migration gives itself, as TypeORM does', async () => {
    const migration = new (defineMigration('Minified'))();
    const named = Object.assign(migration, { name: 'Real1700000000007' });
    expect((await new DefinedMigrations(dataSource([named])).read()).names).toEqual(['Real1700000000007']);
  });

  it('looks at them again where there are others, and only then', async () => {
    const instances = defineMigrations(2).map((migration) => new migration());
    const source = dataSource(instances);
    const migrations = new DefinedMigrations(source);
    const first = await migrations.read();
    expect(await migrations.read()).toBe(first);
    instances.pop();
    expect((await migrations.read()).names).toHaveLength(1);
    Object.assign(source, { migrations: defineMigrations(3).map((migration) => new migration()) });
    expect((await migrations.read()).names).toHaveLength(3);
  });

  it('sees one that is put in the place of another', async () => {
    const instances = defineMigrations(3).map((migration) => new migration());
    const migrations = new DefinedMigrations(dataSource(instances));
    await migrations.read();
    instances[2] = new (defineMigration('Other1700000000009'))();
    expect((await migrations.read()).names.at(-1)).toBe('Other1700000000009');
    instances[2].name = 'Renamed1700000000009';
    expect((await migrations.read()).names.at(-1)).toBe('Renamed1700000000009');
  });

  it("takes the class's name for an empty one where TypeORM does: in 0.3, not in 1.x", async () => {
    const unnamed = () => [Object.assign(new (defineMigration('Step1700000000000'))(), { name: '' })];
    const of03 = new DefinedMigrations(dataSource(unnamed(), { name: 'default' }));
    expect((await of03.read()).names).toEqual(['Step1700000000000']);
    await expect(new DefinedMigrations(dataSource(unnamed())).read()).rejects.toThrow(InvalidMigrationsError);
  });

  describe('while initialize() runs', () => {
    const uninitialized = new MigrationFailure('uninitialized');

    it('is uninitialized until migrations are filled, though isInitialized is true', async () => {
      const source = dataSource([], { isInitialized: false });
      const migrations = new DefinedMigrations(source);
      await expect(migrations.read()).rejects.toEqual(uninitialized);
      Object.assign(source, { isInitialized: true });
      await expect(migrations.read()).rejects.toEqual(uninitialized);
      Object.assign(source, { migrations: [] });
      expect((await migrations.read()).names).toEqual([]);
    });
  });

  it('refuses a name without a timestamp, naming it and the fix', async () => {
    await expect(defined(defineMigration('CreateUsers'))).rejects.toThrow(InvalidMigrationsError);
    await expect(defined(defineMigration('CreateUsers'))).rejects.toThrow(
      /"CreateUsers" does not end with a timestamp\. Rename its class to "CreateUsers\d{13}"/,
    );
  });

  it('refuses a class that is no migration, and says that it is none', async () => {
    class Order {}
    class HalfMigration {
      up() {}
    }
    for (const helper of [Order, HalfMigration]) {
      await expect(defined(helper as never)).rejects.toThrow(
        `"${helper.name}" is among the migrations but is not a migration: it has no up() and down(). Keep its file out of `,
      );
    }
  });

  it('refuses a minified name, and says how to give one', async () => {
    await expect(defined(defineMigration('a'))).rejects.toThrow(
      /"a" does not end with a timestamp\. If a minifier has renamed its class, give the class a property name, /,
    );
  });

  it('refuses two classes of one name', async () => {
    await expect(defined(...defineMigrations(1), ...defineMigrations(1))).rejects.toThrow(
      /"Step1700000000000" is defined twice\. These are two classes: look for a second copy of the file/,
    );
  });

  it('refuses one class that is loaded twice', async () => {
    const [migration] = defineMigrations(1);
    await expect(defined(migration as never, migration as never)).rejects.toThrow(
      /"Step1700000000000" is defined twice\. It is one class: export it under one name only/,
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
