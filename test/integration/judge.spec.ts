import { DataSource, type MigrationInterface } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defineMigration } from '../support/migrations';
import { countsOf } from '../support/reading';

const [A, B, C] = ['A1700000000000', 'B1700000000001', 'C1700000000002'] as const;

let dataSource: DataSource;

beforeEach(async () => {
  dataSource = await new DataSource({
    type: 'better-sqlite3',
    database: ':memory:',
    migrations: [A, B, C].map(defineMigration),
  }).initialize();
});
afterEach(() => dataSource.destroy());

function named(className: string, ...own: unknown[]): MigrationInterface {
  const migration = new (defineMigration(className))();
  return own.length === 0 ? migration : Object.assign(migration, { name: own[0] });
}

/** How many migrations `runMigrations()` runs, or that it refuses. */
async function runMigrations() {
  try {
    return (await dataSource.runMigrations()).length;
  } catch {
    return 'refused';
  }
}

describe("TypeORM's own executor is the judge", () => {
  it.each<[string, (migrations: MigrationInterface[]) => unknown]>([
    ['nothing', () => {}],
    ['one in the place of another', (migrations) => (migrations[2] = named('Other1700000000009'))],
    [
      'one in the place of one that is applied',
      (migrations) => (migrations[0] = named('Other1700000000009')),
    ],
    ['the same class anew', (migrations) => (migrations[1] = named(B))],
    ['two of one name', (migrations) => (migrations[2] = named(B))],
    ['two swapped', (migrations) => migrations.reverse()],
    ['one more', (migrations) => migrations.push(named('D1700000000003'))],
    ['one less', (migrations) => migrations.pop()],
    [
      'one that is given a name',
      ([, second]) => Object.assign(second ?? {}, { name: 'Renamed1700000000009' }),
    ],
    ['one that is given an empty name', ([, second]) => Object.assign(second ?? {}, { name: '' })],
    ['one that is given no name', ([, second]) => Object.assign(second ?? {}, { name: undefined })],
    ['one that is given null for a name', ([, second]) => Object.assign(second ?? {}, { name: null })],
    [
      'one that is given a name without a timestamp',
      ([, second]) => Object.assign(second ?? {}, { name: 'x' }),
    ],
    [
      'one that is given a number for a name',
      ([, second]) => Object.assign(second ?? {}, { name: 1700000000000 }),
    ],
    ['one without a timestamp', (migrations) => (migrations[2] = named('NoTimestamp'))],
    ['one with an own name that is empty', (migrations) => (migrations[2] = named('D1700000000003', ''))],
    [
      'one that has a name where its class has none',
      (migrations) => (migrations[2] = named('', 'D1700000000003')),
    ],
  ])('%s is changed in place after a reading', async (_what, change) => {
    const counts = countsOf(dataSource);
    const { migrations } = dataSource;
    Object.assign(dataSource, { migrations: migrations.slice(0, 1) });
    await dataSource.runMigrations({ fake: true });
    Object.assign(dataSource, { migrations });
    expect(await counts()).toEqual({ applied: 1, unapplied: 2 });
    change(migrations);
    const reading = await counts();
    const unapplied = typeof reading === 'string' ? 'refused' : reading.unapplied;
    expect(unapplied).toBe(await runMigrations());
  });
});
