/** Creates `count` migration classes, named as TypeORM's command line names them. */
export function defineMigrations(count) {
  return Array.from({ length: count }, (_, index) => {
    const migration = class {
      async up() {}
      async down() {}
    };
    Object.defineProperty(migration, 'name', { value: migrationName(index) });
    return migration;
  });
}

export function migrationName(index) {
  return `CreateSomethingUseful${1_700_000_000_000 + index}`;
}
