import type { DataSource } from 'typeorm';
import { isMissingTable, MigrationFailure } from './migration.failure';
import { migrationsTable } from './migrations-table';

/** Reads the names that a database has recorded as applied, in no order; never writes. */
export type RecordedMigrations = () => Promise<readonly string[]>;

/**
 * How to read the migrations recorded through one DataSource: one statement at each call once the
 * table has been seen. A missing table is an answer (nothing applied), one that may not be read a
 * failure. Throws what the driver throws.
 */
export function recordedMigrations(dataSource: DataSource): RecordedMigrations {
  return dataSource.options.type === 'mongodb'
    ? () => documents(dataSource)
    : rows(dataSource, dataSource.options.type);
}

function rows(dataSource: DataSource, type: string): RecordedMigrations {
  let seen = false;

  return async function read(): Promise<readonly string[]> {
    const { select, probe, missingMayBeDenied } = migrationsTable(dataSource);
    if (!seen && probe !== undefined) {
      const [found] = await dataSource.query<{ readable: unknown }[]>(probe);
      if (found === undefined) return [];
      if (!found.readable) throw new MigrationFailure('denied');
    }
    const knownTable = seen;
    seen = false;
    try {
      const recorded = await dataSource.query<{ name: string }[]>(select);
      seen = true;
      return recorded.map(({ name }) => name);
    } catch (error) {
      if (!isMissingTable(error, type)) throw error;
      if (missingMayBeDenied) throw new MigrationFailure('denied');
      // Dropped since it was last seen, or out of this role's sight: the probe can tell.
      return knownTable && probe !== undefined ? read() : [];
    }
  };
}

interface MongoRunner {
  cursor(
    collection: string,
    filter: object,
  ): {
    project(fields: object): {
      batchSize(size: number): { toArray(): Promise<{ name: string }[]> };
    };
  };
}

/** Large enough for any list of migrations to come with the first answer. */
const MONGO_BATCH_SIZE = 100_000;

async function documents(dataSource: DataSource): Promise<readonly string[]> {
  const runner = dataSource.createQueryRunner() as unknown as MongoRunner;
  const recorded = await runner
    .cursor(dataSource.options.migrationsTableName ?? 'migrations', {})
    .project({ _id: 0, name: 1 })
    .batchSize(MONGO_BATCH_SIZE)
    .toArray();
  return recorded.map(({ name }) => name);
}
