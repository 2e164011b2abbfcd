import type { MigrationInterface, QueryRunner } from 'typeorm';

type MigrationClass = new () => MigrationInterface;

/** The timestamp of the first of {@link defineMigrations}. */
export const FIRST_TIMESTAMP = 1_700_000_000_000;

/** Migration classes that create nothing, named `Step1700000000000`, `Step1700000000001`, … */
export function defineMigrations(count: number, start = FIRST_TIMESTAMP): MigrationClass[] {
  return Array.from({ length: count }, (_, index) => defineMigration(`Step${start + index}`));
}

export function defineMigration(name: string): MigrationClass {
  const migration = class implements MigrationInterface {
    async up(_queryRunner: QueryRunner): Promise<void> {}
    async down(_queryRunner: QueryRunner): Promise<void> {}
  };
  Object.defineProperty(migration, 'name', { value: name });
  return migration;
}
