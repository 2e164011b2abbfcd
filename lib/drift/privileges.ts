import type { EntityMetadata } from 'typeorm';
import { isMissingColumn, isMissingTable } from '../migration/failure';
import { SEARCH_PATH } from '../migration/table';
import { type DriftDifference, DriftSkipped } from './reading';
import type { Session } from './session';

/**
 * Checks, on PostgreSQL, that the role may see the tables of the entities: a hidden table looks like a
 * missing one. An entity without a schema may be in any schema of the search_path, up to the first usable
 * one.
 *
 * @throws {@link DriftSkipped} `denied`
 */
export async function assertVisible(session: Session, entities: readonly EntityMetadata[]): Promise<void> {
  if (session.view.dataSource.options.type !== 'postgres') return;
  const hidden = await session.query(HIDDEN_TABLE, [
    entities.map(({ schema }) => schema ?? null),
    entities.map(({ tableName }) => tableName),
  ]);
  if (hidden.length > 0) throw new DriftSkipped('denied');
}

const HIDDEN_TABLE =
  'SELECT FROM unnest($1::text[], $2::text[]) AS e (s, t)' +
  ' JOIN pg_class c ON relname = t JOIN pg_namespace n ON n.oid = relnamespace,' +
  ` (${SEARCH_PATH}) path` +
  " WHERE relkind IN ('r', 'p', 'v', 'm', 'f')" +
  ' AND (nspname = s OR s IS NULL' +
  ' AND array_position(p, nspname) <= coalesce(array_position(p, current_schema()), 9999))' +
  " AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')) LIMIT 1";

/**
 * Checks, on MySQL and MariaDB, that apparently missing things are missing. The catalogue hides what the user
 * has no right on, but a SELECT reports it: error 1142 for a table, 1143 for a column.
 *
 * @throws {@link DriftSkipped} `denied`, or the driver's own error for it
 */
export async function assertMissing(
  session: Session,
  differences: readonly DriftDifference[],
): Promise<void> {
  const { type } = session.view.dataSource.options;
  if (type !== 'mysql' && type !== 'mariadb') return;
  for (const { change, table, name } of differences) {
    if (change === 'create table') await select(session, '1', table);
    if (change === 'add column') await select(session, session.view.driver.escape(name ?? ''), table);
    if (change === 'create foreign key') await assertKeysVisible(session, table);
  }
}

/** Throws if the user has no right on the selected thing, but not if it is missing. */
async function select(session: Session, column: string, table: string): Promise<void> {
  const { driver, dataSource } = session.view;
  const path = table.split('.').map((part) => driver.escape(part));
  try {
    await session.query(`SELECT ${column} FROM ${path.join('.')} LIMIT 0`);
  } catch (error) {
    const { type } = dataSource.options;
    if (!isMissingTable(error, type) && !isMissingColumn(error, type)) throw error;
  }
}

/** MariaDB hides a foreign key from a user but still shows its columns. */
async function assertKeysVisible(session: Session, table: string): Promise<void> {
  const path = table.split('.');
  const hidden = await session.query(HIDDEN_KEY, [path.at(-2) ?? session.view.driver.database, path.at(-1)]);
  if (hidden.length > 0) throw new DriftSkipped('denied');
}

const HIDDEN_KEY =
  'SELECT 1 FROM information_schema.key_column_usage k WHERE table_schema = ? AND table_name = ?' +
  ' AND referenced_table_name IS NOT NULL AND NOT EXISTS (SELECT 1 FROM information_schema.referential_constraints r' +
  ' WHERE r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name' +
  ' AND r.table_name = k.table_name) LIMIT 1';
