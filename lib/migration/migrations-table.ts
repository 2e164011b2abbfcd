import type { DataSource } from 'typeorm';

/** The statements that read one DataSource's migrations table. None of them writes. */
export interface MigrationsTable {
  /** Selects the names of all recorded migrations. */
  readonly select: string;
  /**
   * Tells, for a table not seen yet, without an error in the server's log: no row where it is missing,
   * else one whose `readable` says whether `select` is allowed. Left out for servers where only
   * `select` itself can tell a missing table from a denied one.
   */
  readonly probe?: () => string;
  /** Whether the server answers alike for a missing table and for one that may not be read. */
  readonly missingMayBeDenied: boolean;
}

const POSTGRES = new Set(['postgres', 'aurora-postgres']);
const SQLITE = new Set([
  'better-sqlite3',
  'capacitor',
  'cordova',
  'expo',
  'nativescript',
  'react-native',
  'sqlite',
  'sqljs',
]);

/**
 * The statements for a DataSource's own `migrationsTableName`, `schema` and `database`.
 *
 * The table's path is built and quoted as TypeORM does it when it runs migrations, so both always mean
 * the same table (source: `MigrationExecutor` and `QueryBuilder.getTableName()`).
 */
export function migrationsTable(dataSource: DataSource): MigrationsTable {
  const { driver, options } = dataSource;
  const { schema, username } = driver.options as { schema?: string; username?: string };
  const path = driver
    .buildTableName(options.migrationsTableName ?? 'migrations', schema, driver.database)
    .split('.');
  const quoted = path.map((part) => (part === '' ? part : driver.escape(part))).join('.');
  const table = path.at(-1) as string;
  const parent = path.at(-2);

  return {
    select: `SELECT ${driver.escape('name')} FROM ${quoted}`,
    ...(POSTGRES.has(options.type) && { probe: () => postgresProbe(table, parent) }),
    ...(SQLITE.has(options.type) && {
      probe: () => sqliteProbe(table, parent === undefined ? '' : `${driver.escape(parent)}.`),
    }),
    // ORA-00942 stands for both; only in the user's own schema it can't be a missing privilege.
    missingMayBeDenied:
      options.type === 'oracle' && parent !== undefined && parent.toUpperCase() !== username?.toUpperCase(),
  };
}

/**
 * Without a schema the table is looked for along the search_path, as `select` does it. Schemas of the
 * path that the role may not use are looked into as well: there the table is denied, not missing. Row
 * level security without a policy for the role hides every row, which is no answer either.
 */
function postgresProbe(table: string, schema: string | undefined): string {
  return `SELECT has_schema_privilege(n.oid, 'USAGE')
    AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'))
    AND (NOT row_security_active(c.oid) OR EXISTS (
      SELECT FROM pg_catalog.pg_policy p
      WHERE p.polrelid = c.oid AND p.polcmd IN ('r', '*') AND p.polpermissive
        AND (0 = ANY (p.polroles) OR EXISTS (
          SELECT FROM unnest(p.polroles) AS role WHERE role <> 0 AND pg_has_role(role, 'USAGE')))
    )) AS "readable"
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relname = ${literal(table)} AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND ${schema === undefined ? ON_SEARCH_PATH : `n.nspname = ${literal(schema)}`}
  ORDER BY pg_catalog.pg_table_is_visible(c.oid) DESC LIMIT 1`;
}

/** What PostgreSQL itself finds, and what it would find if the role might use the schema. */
const ON_SEARCH_PATH = `(pg_catalog.pg_table_is_visible(c.oid) OR n.nspname IN (
      SELECT CASE WHEN entry = '"$user"' THEN current_user::text
        WHEN entry LIKE '"%' THEN replace(substr(entry, 2, length(entry) - 2), '""', '"')
        ELSE lower(entry) END
      FROM (SELECT (regexp_matches(current_setting('search_path'), '("(?:[^"]|"")*"|[^,\\s"]+)', 'g'))[1] AS entry
      ) AS entries))`;

function sqliteProbe(table: string, database: string): string {
  return `SELECT 1 AS "readable" FROM ${database}sqlite_master
    WHERE type IN ('table', 'view') AND name = ${literal(table)} COLLATE NOCASE LIMIT 1`;
}

function literal(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
