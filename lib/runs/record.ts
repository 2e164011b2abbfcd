import type { DataSource, MigrationInterface } from 'typeorm';
import { clock } from '../clock';
import { RunLog } from './log';
import { type Direction, listenToCalls } from './migration-calls';
import type { RunOutcome } from './totals';

const DIRECTIONS = { runMigrations: 'up', undoLastMigration: 'down' } as const;

/** Receives the recorded runs. */
export interface RunRecorder {
  /** Name of the connection in the log. */
  connection(): string;
  begin(): void;
  end(outcome: RunOutcome, seconds: number): void;
}

type Method = (options?: { fake?: boolean }) => Promise<unknown>;

/**
 * Records every call of `runMigrations()` and `undoLastMigration()` from now on. Arguments, result and errors
 * stay the same.
 */
export function recordRuns(dataSource: DataSource, recorder: RunRecorder): void {
  for (const method of Object.keys(DIRECTIONS) as (keyof typeof DIRECTIONS)[]) {
    const original = Reflect.get(dataSource, method) as Method;
    const recording = function (this: DataSource, ...parameters: Parameters<Method>): Promise<unknown> {
      const direction = DIRECTIONS[method];
      const isFake = parameters[0]?.fake === true;
      const log = new RunLog(recorder.connection(), direction, typeOf(dataSource), isFake);
      const migrations = migrationsOf(dataSource);
      return recordRun(recorder, log, {
        work: () => original.apply(this, parameters),
        migrations,
        direction,
      });
    };
    Object.defineProperty(dataSource, method, { value: recording, configurable: true, writable: true });
  }
}

interface RunToRecord {
  readonly work: () => Promise<unknown>;
  readonly migrations: readonly MigrationInterface[];
  readonly direction: Direction;
}

async function recordRun(
  recorder: RunRecorder,
  log: RunLog,
  { work, migrations, direction }: RunToRecord,
): Promise<unknown> {
  const startedAt = clock.now();
  function end(outcome: RunOutcome): number {
    const seconds = (clock.now() - startedAt) / 1000;
    recorder.end(outcome, seconds);
    return seconds;
  }
  recorder.begin();
  let result: unknown;
  try {
    result = await listenToCalls(migrations, direction, log, work);
  } catch (error) {
    log.runFailed(error, end('failed'));
    throw error;
  }
  log.runSucceeded(result, end('succeeded'));
  return result;
}

/** The DataSource may be a proxy whose properties throw. */
function migrationsOf(dataSource: DataSource): readonly MigrationInterface[] {
  try {
    return [...dataSource.migrations];
  } catch {
    return [];
  }
}

function typeOf(dataSource: DataSource): string {
  try {
    return dataSource.options.type;
  } catch {
    return 'unknown';
  }
}
