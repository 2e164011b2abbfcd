import type { DataSource } from 'typeorm';
import { MysqlSession, PostgresSession } from './pooled';
import { DriftSkipped } from './reading';
import type { Session } from './session';
import { SqliteSession } from './sqlite';

/**
 * @param timeout - the server's limit for a statement, in milliseconds
 * @throws {@link DriftSkipped} `unsupported`, or `shared_connection` for SQLite in memory
 */
export function openSession(dataSource: DataSource, timeout: number): Session {
  // TypeORM 0.3 also has the type `sqlite`.
  switch (dataSource.options.type as string) {
    case 'postgres':
      return new PostgresSession(dataSource, timeout);
    case 'mysql':
    case 'mariadb':
      return new MysqlSession(dataSource, timeout);
    case 'better-sqlite3':
    case 'sqlite':
      return new SqliteSession(dataSource);
    case 'sqljs':
      throw new DriftSkipped('shared_connection');
    default:
      throw new DriftSkipped('unsupported');
  }
}
