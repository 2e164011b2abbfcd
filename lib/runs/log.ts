import { logger, nameOfError } from '../logger';
import { failureOf } from '../migration/failure';
import type { CallListener, Direction } from './migration-calls';

const WORDS = {
  up: { one: 'ran', all: 'applied', none: 'nothing to apply' },
  down: { one: 'was reverted', all: 'reverted', none: 'nothing to revert' },
} as const;

/** Logs one run of migrations: a line for each migration, and one for the run. */
export class RunLog implements CallListener {
  private readonly told = new Set<string>();
  private failedMigration: string | undefined;

  /**
   * @param type - the DataSource's `options.type`
   * @param isFake - TypeORM records the migrations and calls none of them
   */
  constructor(
    private readonly connection: string,
    private readonly direction: Direction,
    private readonly type: string,
    private readonly isFake: boolean,
  ) {}

  succeeded(name: string, seconds: number): void {
    this.told.add(name);
    logger.log(`${this.connection}: ${name} ${WORDS[this.direction].one} in ${inSeconds(seconds)}`);
  }

  failed(name: string, seconds: number, error: unknown): void {
    this.failedMigration = name;
    logger.error(`${this.connection}: ${name} failed after ${inSeconds(seconds)} (${this.explain(error)})`);
  }

  /** @param result - what `runMigrations()` or `undoLastMigration()` returned */
  runSucceeded(result: unknown, seconds: number): void {
    const { one } = WORDS[this.direction];
    // Those whose call could not be timed.
    const untold = namesIn(result).filter((name) => !this.told.has(name));
    for (const name of untold) logger.log(`${this.connection}: ${name} ${one}`);
    const count = this.told.size + untold.length;
    logger.log(`${this.connection}: migrations run in ${inSeconds(seconds)}: ${this.summary(count)}`);
  }

  runFailed(error: unknown, seconds: number): void {
    const cause = this.failedMigration ?? this.explain(error);
    logger.error(
      `${this.connection}: the run of migrations failed after ${inSeconds(seconds)}: ${cause}. ` +
        'The error that runMigrations() or undoLastMigration() throws has the details.',
    );
  }

  private summary(count: number): string {
    if (this.isFake) return 'recorded without running them (fake)';
    const { all, none } = WORDS[this.direction];
    return count === 0 ? none : `${count} ${all}`;
  }

  /** Neither SQL nor a driver's message: the name of the error, and the driver's code. */
  private explain(error: unknown): string {
    const { detail } = failureOf(error, this.type);
    return detail === undefined ? nameOfError(error) : `${nameOfError(error)}: ${detail}`;
  }
}

function inSeconds(seconds: number): string {
  return `${seconds.toFixed(3)} s`;
}

/** `runMigrations()` answers what it has applied. */
function namesIn(result: unknown): string[] {
  if (!Array.isArray(result)) return [];
  return result
    .map((migration) => (migration as { name?: unknown } | null)?.name)
    .filter((name) => typeof name === 'string');
}
