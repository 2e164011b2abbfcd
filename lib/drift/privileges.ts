import type { EntityMetadata } from 'typeorm';
import { isMissingColumn, isMissingTable } from '../migration/failure';
import { SEARCH_PATH } from '../migration/table';
import { type DriftDifference, DriftSkipped } from './reading';
import type { Session } from './session';

/**
 * Makes sure, on PostgreSQL, that the role may see the tables of the entities: what it may not see looks as if it
 * were missing. An entity without a schema may be in any one of the search_path, up to the first that can be used.
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
 * Makes sure, on MySQL and MariaDB, that what seems to be missing is. Their catalogue tells nothing of what a user
 * may not see, but a SELECT does: 1142 for a table and 1143 for a column that the user has no right on.
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
    const path = table
      .split('.')
      .map((part) => session.view.driver.escape(part))
      .join('.');
    const select = (what: string) =>
      session.query(`SELECT ${what} FROM ${path} LIMIT 0`).catch((error: unknown) => {
        if (!isMissingTable(error, type) && !isMissingColumn(error, type)) throw error;
      });
    if (change === 'create table') await select('1');
    if (change === 'add column' && name !== undefined) await select(session.view.driver.escape(name));
  }
}
