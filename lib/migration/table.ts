import type { DataSource } from 'typeorm';

/** The statements that read one DataSource's migrations table. None of them writes. */
export interface MigrationsTable {
  /** The table's name for messages, such as `audit.migrations`. */
  readonly path: string;
  /**
   * Selects the names of all recorded migrations.
   *
   * @param schema - the schema of the table, if the DataSource names none
   */
  select(schema?: string): string;
  /**
   * Selects the names of all recorded migrations as one JSON array `names`. One row is parsed several times
   * faster than a thousand. Only for a table whose `probe` returns `aggregates`.
   */
  readonly selectArray?: (schema?: string) => string;
  /**
   * Selects the names of a table that was empty, plus a row without a name if row level security may hide
   * rows.
   */
  readonly selectGuarded?: (schema?: string) => string;
  /**
   * Looks for the table without causing an error in the server's log. Returns no row if the table is missing.
   * Otherwise the row has `schema`, `readable` (may be selected from), `named` (has a column `name`) and
   * `aggregates` (that column is of text).
   *
   * Undefined for servers where only `select` can distinguish a missing table from a denied one.
   */
  readonly probe?: string;
  /** Returns the `schema` in which TypeORM looks for the table, if the DataSource names none. */
  readonly currentSchema?: string;
  /**
   * Looks again for a table that was missing, with the cheapest query. A row whose `found` is null: still
   * missing. No row: see {@link MigrationsTable.noRowMeansNoDatabase}.
   */
  readonly poll?: string;
  /** If `true`, no row of `poll` means that the database is missing; otherwise only the table is. */
  readonly noRowMeansNoDatabase: boolean;
  /** Whether the server returns the same error for a missing table and for a denied one. */
  readonly missingMayBeDenied: boolean;
}

/**
 * Builds the statements for a DataSource's `migrationsTableName`, `schema` and `database`.
 *
 * The path is built and quoted as TypeORM does when it runs migrations, so both mean the same table (source:
 * `MigrationExecutor` and `QueryBuilder.getTableName()`).
 */
export function migrationsTable(dataSource: DataSource): MigrationsTable {
  const { driver, options } = dataSource;
  const { schema, username } = driver.options as { schema?: string; username?: string };
  const path = driver
    .buildTableName(options.migrationsTableName ?? 'migrations', schema, driver.database)
    .split('.');
  const quote = (parts: readonly string[]) =>
    parts.map((part) => (part === '' ? part : driver.escape(part))).join('.');
  const place: TablePlace = {
    table: path.at(-1) as string,
    parent: path.at(-2),
    quoted: remembered((found) => quote(found === undefined ? path : [found, ...path])),
    escape: (name) => driver.escape(name),
  };
  const select = (found?: string) => `SELECT ${driver.escape('name')} FROM ${place.quoted(found)}`;

  return {
    path: path.join('.'),
    select,
    noRowMeansNoDatabase: false,
    // ORA-00942 means missing or denied; in the user's own schema it always means missing.
    missingMayBeDenied:
      options.type === 'oracle' &&
      place.parent !== undefined &&
      place.parent.toUpperCase() !== username?.toUpperCase(),
    ...DIALECTS[options.type]?.(place, select),
  };
}

/** Caches the last result, because a table rarely changes its schema. */
function remembered(quoted: (schema?: string) => string): (schema?: string) => string {
  let last: { readonly schema: string | undefined; readonly answer: string } | undefined;
  return (schema) => {
    if (last === undefined || last.schema !== schema) last = { schema, answer: quoted(schema) };
    return last.answer;
  };
}

interface TablePlace {
  readonly table: string;
  /** The schema or the database, if the path names one. */
  readonly parent: string | undefined;
  /** Returns the table's quoted path, with the given schema if the path names none. */
  readonly quoted: (schema?: string) => string;
  readonly escape: (name: string) => string;
}

type Dialect = (place: TablePlace, select: (schema?: string) => string) => Partial<MigrationsTable>;

const postgres: Dialect = ({ table, parent, quoted }, select) => ({
  probe: postgresProbe(table, parent),
  selectArray: (schema) => `SELECT json_agg("name")::text AS "names" FROM ${quoted(schema)}`,
  selectGuarded: (schema) =>
    `${select(schema)} UNION ALL SELECT NULL WHERE row_security_active(${literal(quoted(schema))}::regclass)`,
  ...(parent === undefined && { currentSchema: 'SELECT current_schema() AS "schema"' }),
  poll: `SELECT 1 AS "found" FROM pg_class WHERE relname = ${literal(table)} AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = ${parent === undefined ? 'current_schema()' : literal(parent)})`,
});

const mysql: Dialect = ({ table, parent }) =>
  parent === undefined
    ? {}
    : {
        poll: `SELECT table_name AS found FROM information_schema.schemata LEFT JOIN information_schema.tables ON table_schema = ${literal(parent)} AND table_name = ${literal(table)} WHERE schema_name = ${literal(parent)}`,
        noRowMeansNoDatabase: true,
      };

const sqlite: Dialect = ({ table, parent, quoted, escape }) => ({
  // SQLite reads "name" as a string if there is no such column, but never "m"."name".
  select: (schema) => `SELECT "m"."name" FROM ${quoted(schema)} "m"`,
  probe: `SELECT 1 AS "readable" FROM ${parent === undefined ? '' : `${escape(parent)}.`}sqlite_master WHERE type IN ('table', 'view') AND name = ${literal(table)} COLLATE NOCASE LIMIT 1`,
});

/** `runMigrations()` looks for the table in one schema; a plain SELECT may find it in another. */
const inCurrentSchema =
  (currentSchema: string): Dialect =>
  ({ parent }) =>
    parent === undefined ? { currentSchema } : {};

const DIALECTS: Readonly<Record<string, Dialect>> = {
  postgres,
  'aurora-postgres': postgres,
  cockroachdb: inCurrentSchema('SELECT current_schema() AS "schema"'),
  mssql: inCurrentSchema('SELECT SCHEMA_NAME() AS "schema"'),
  mysql,
  mariadb: mysql,
  'aurora-mysql': mysql,
  'better-sqlite3': sqlite,
  capacitor: sqlite,
  cordova: sqlite,
  expo: sqlite,
  nativescript: sqlite,
  'react-native': sqlite,
  sqlite,
  sqljs: sqlite,
};

/**
 * Looks where TypeORM looks: in the named schema, or else in `current_schema()`. It also looks in schemas of
 * the search_path before it that the role may not use: a table there is denied, not missing. Row level
 * security without a policy for the role hides every row, so the table is not readable.
 */
function postgresProbe(table: string, schema: string | undefined): string {
  const readable =
    "has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT') AND (NOT row_security_active(c.oid)" +
    " OR EXISTS (SELECT FROM pg_policy, unnest(polroles) r WHERE polrelid = c.oid AND polpermissive AND polcmd IN ('r', '*')" +
    " AND (r = 0 OR pg_has_role(r, 'USAGE'))))";
  const start =
    `SELECT nspname AS "schema", ${readable} AS "readable",` +
    ` EXISTS (${NAME_COLUMN}) AS "named",` +
    ` EXISTS (${NAME_COLUMN} AND atttypid IN ('text'::regtype, 'varchar'::regtype)) AS "aggregates"` +
    ' FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace';
  const isTable = `relname = ${literal(table)} AND relkind IN ('r', 'p', 'v', 'm', 'f')`;
  return schema === undefined
    ? `${start}, (${SEARCH_PATH}) s WHERE ${isTable} AND array_position(p, nspname) <= ` +
        'coalesce(array_position(p, current_schema()), 9999) ORDER BY array_position(p, nspname) DESC LIMIT 1'
    : `${start} WHERE ${isTable} AND nspname = ${literal(schema)}`;
}

const NAME_COLUMN = "SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'name'";

/** The names in the search_path as one array `p`. The role may not use those before current_schema(). */
export const SEARCH_PATH =
  `SELECT array_agg(coalesce(nullif(coalesce(replace(e[1], '""', '"'), lower(e[2])), '$user'), current_user)::name) p` +
  ` FROM regexp_matches(current_setting('search_path'), '"((?:[^"]|"")*)"|([^",[:space:]]+)', 'g') e`;

function literal(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
