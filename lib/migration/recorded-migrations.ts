import type { DataSource } from 'typeorm';
import { isMissingTable, MigrationFailure } from './migration.failure';
import { migrationsTable } from './migrations-table';

/** Reads the names that a database has recorded as applied, as they come: in no order, and maybe twice; never writes. */
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
  /** What the last reading found; `unseen` where the table has to be looked for. */
  let last: 'unseen' | 'empty' | 'rows' = 'unseen';

  return async function read(): Promise<readonly string[]> {
    const { select, probe, missingMayBeDenied } = migrationsTable(dataSource);
    const before = last;
    last = 'unseen';
    if (before === 'unseen' && probe !== undefined) {
      const [found] = await dataSource.query<{ readable: unknown }[]>(probe());
      if (found === undefined) return [];
      if (!found.readable) throw new MigrationFailure('denied');
    }
    let names: readonly string[];
    try {
      names = namesOf(await dataSource.query<{ name: string }[]>(select));
    } catch (error) {
      if (!isMissingTable(error, type)) throw error;
      if (missingMayBeDenied) throw new MigrationFailure('denied');
      if (probe === undefined) return [];
      // Dropped since it was last seen, or out of this role's sight: the probe can tell.
      if (before !== 'unseen') return read();
      throw error;
    }
    // All rows gone at once: reverted, or hidden by a policy since. The probe can tell that too.
    if (names.length === 0 && before === 'rows' && probe !== undefined) return read();
    last = names.length === 0 ? 'empty' : 'rows';
    return names;
  };
}

function namesOf(recorded: readonly { readonly name: string }[]): readonly string[] {
  return recorded.map(({ name }) => name);
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
  return namesOf(recorded);
}
