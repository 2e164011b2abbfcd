import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { migrationsTable } from '../../../lib/migration/table';

/** TypeORM's own driver classes, without the client packages that their constructors would load. */
async function dataSource(type: keyof typeof DRIVERS, options: Record<string, unknown>) {
  const [path, name] = DRIVERS[type];
  const module = (await import(`typeorm/driver/${path}.js`)) as Record<string, { prototype: object }>;
  const driver = Object.assign(Object.create(module[name]?.prototype ?? null) as object, {
    options: { type, ...options },
    database: options['database'],
    schema: options['schema'],
  });
  return { driver, options: { type, ...options } } as unknown as DataSource;
}

const DRIVERS = {
  mssql: ['sqlserver/SqlServerDriver', 'SqlServerDriver'],
  oracle: ['oracle/OracleDriver', 'OracleDriver'],
  sap: ['sap/SapDriver', 'SapDriver'],
  cockroachdb: ['cockroachdb/CockroachDriver', 'CockroachDriver'],
  spanner: ['spanner/SpannerDriver', 'SpannerDriver'],
  'aurora-mysql': ['aurora-mysql/AuroraMysqlDriver', 'AuroraMysqlDriver'],
  mysql: ['mysql/MysqlDriver', 'MysqlDriver'],
  postgres: ['postgres/PostgresDriver', 'PostgresDriver'],
  sqljs: ['sqljs/SqljsDriver', 'SqljsDriver'],
} as const;

async function table(type: keyof typeof DRIVERS, options: Record<string, unknown> = {}) {
  return migrationsTable(await dataSource(type, options));
}

describe('migrationsTable', () => {
  it.each([
    ['mssql', {}, 'SELECT "name" FROM "migrations"'],
    ['mssql', { database: 'shop' }, 'SELECT "name" FROM "shop".."migrations"'],
    ['mssql', { database: 'shop', schema: 'dbo' }, 'SELECT "name" FROM "shop"."dbo"."migrations"'],
    ['oracle', {}, 'SELECT "name" FROM "migrations"'],
    ['oracle', { schema: 'SHOP' }, 'SELECT "name" FROM "SHOP"."migrations"'],
    ['sap', { schema: 'SHOP' }, 'SELECT "name" FROM "SHOP"."migrations"'],
    ['cockroachdb', { schema: 'shop' }, 'SELECT "name" FROM "shop"."migrations"'],
    ['spanner', {}, 'SELECT `name` FROM `migrations`'],
    ['aurora-mysql', { database: 'shop' }, 'SELECT `name` FROM `shop`.`migrations`'],
    ['mysql', { database: 'shop' }, 'SELECT `name` FROM `shop`.`migrations`'],
    ['postgres', {}, 'SELECT "name" FROM "migrations"'],
    [
      'postgres',
      { schema: 'Shop', migrationsTableName: 'my "runs"' },
      'SELECT "name" FROM "Shop"."my ""runs"""',
    ],
    ['mysql', { migrationsTableName: 'a`b c' }, 'SELECT `name` FROM `a``b c`'],
    // SQLite takes "name" for a string if there is no such column.
    ['sqljs', {}, 'SELECT "m"."name" FROM "migrations" "m"'],
    // As in TypeORM, a dot in the name separates the schema.
    ['postgres', { migrationsTableName: 'audit.migrations' }, 'SELECT "name" FROM "audit"."migrations"'],
  ] as const)('%s %j: %s', async (type, options, select) => {
    expect((await table(type, options)).select()).toBe(select);
  });

  it('asks servers of which only the SELECT tells a missing table from a denied one nothing else', async () => {
    for (const type of ['mssql', 'oracle', 'sap', 'cockroachdb', 'spanner', 'mysql'] as const) {
      expect((await table(type)).probe, type).toBeUndefined();
    }
  });

  it('quotes literals of the probe', async () => {
    const { probe } = await table('postgres', { schema: "o'hara", migrationsTableName: "it's" });
    expect(probe).toContain("relname = 'it''s'");
    expect(probe).toContain("nspname = 'o''hara'");
  });

  it('selects from the schema in which the table was found, where the DataSource names none', async () => {
    expect((await table('postgres')).select('Shop')).toBe('SELECT "name" FROM "Shop"."migrations"');
    expect((await table('postgres')).currentSchema).toBeDefined();
    expect((await table('postgres', { schema: 'Shop' })).currentSchema).toBeUndefined();
  });

  it('does not take a table that Oracle hides in a foreign schema for a missing one', async () => {
    expect((await table('oracle', { username: 'app' })).missingMayBeDenied).toBe(false);
    expect((await table('oracle', { username: 'app', schema: 'APP' })).missingMayBeDenied).toBe(false);
    expect((await table('oracle', { username: 'app', schema: 'SHOP' })).missingMayBeDenied).toBe(true);
    expect((await table('mysql', { database: 'shop' })).missingMayBeDenied).toBe(false);
  });

  it('has no word in any statement that writes', async () => {
    const source = await readFile(join(__dirname, '../../../lib/migration/table.ts'), 'utf8');
    expect(source).not.toMatch(/\b(INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|LOCK|TRUNCATE|FOR SHARE)\b/);
  });
});
