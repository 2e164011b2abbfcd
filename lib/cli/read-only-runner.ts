import type { DataSource } from 'typeorm';
import { isMissingTable } from '../migration/failure';
import { isRead } from './read-statement';

type Driver = DataSource['driver'];

interface Runner {
  query(statement: string, parameters?: unknown[], isStructured?: boolean): Promise<unknown>;
  stream?(statement: string, ...rest: unknown[]): Promise<unknown>;
  beforeMigration?(): Promise<void>;
}

/**
 * Makes the query runners of a driver read-only. TypeORM writes only through them: migrations, schema
 * builder, cache, entity managers and query builders.
 */
export function makeRunnersReadOnly(driver: Driver): void {
  const create = driver.createQueryRunner.bind(driver);
  // SQLite and MongoDB return the same query runner each time.
  const guarded = new WeakSet<object>();
  driver.createQueryRunner = (mode) => {
    const runner = create(mode);
    if (guarded.has(runner)) return runner;
    guarded.add(runner);
    if (driver.options.type === 'mongodb') ignoreWrites(runner as unknown as Record<string, unknown>);
    else makeReadOnly(runner, driver.options.type);
    (runner as Runner).beforeMigration = () => Promise.reject(new Error(RUNS_NO_MIGRATIONS));
    return runner;
  };
}

/** Error for a file that calls TypeORM's `MigrationExecutor` directly. */
const RUNS_NO_MIGRATIONS = 'nestjs-prometheus-migrations never runs migrations';

/** Thrown where an empty answer would look like a result. */
export const SENDS_NO_WRITE = 'nestjs-prometheus-migrations never sends a statement that writes';

function makeReadOnly(runner: Runner, type: string): void {
  const query = runner.query.bind(runner);
  const stream = runner.stream?.bind(runner);
  let isBehind = false;
  runner.query = async (statement, parameters, isStructured) => {
    const nothing = isStructured ? { raw: [], records: [], affected: 0 } : [];
    if (isRead(statement)) {
      try {
        return await query(statement, parameters, isStructured);
      } catch (error) {
        // The table was not created because its CREATE was dropped, so it reads as empty. Other errors must
        // not look empty, because SQLite's shared query runner also reads the migrations.
        if (isBehind && isMissingTable(error, type)) return nothing;
        throw error;
      }
    }
    isBehind = true;
    return nothing;
  };
  if (stream !== undefined) {
    runner.stream = async (statement, ...rest) => {
      if (isRead(statement)) return stream(statement, ...rest);
      throw new Error(SENDS_NO_WRITE);
    };
  }
}

const MONGODB_WRITES =
  /^(?:bulkWrite|clearDatabase|rename|replaceOne|initialize\w+BulkOp|(?:create|delete|drop|findOneAnd|insert|update)[A-Z]\w*)$/;

function ignoreWrites(runner: Record<string, unknown>): void {
  for (const method of Object.getOwnPropertyNames(Object.getPrototypeOf(runner))) {
    if (MONGODB_WRITES.test(method)) runner[method] = () => Promise.resolve();
  }
}
