import { logger, nameOfError } from '../logger';
import { failureOf } from '../migration/failure';
import type { CallListener, Direction } from './migration-calls';

const WORDS = {
  up: { one: 'ran', all: 'applied', none: 'nothing to apply' },
  down: { one: 'was reverted', all: 'reverted', none: 'nothing to revert' },
} as const;

/** Logs one run of migrations: one line per migration, and one for the run. */
export class RunLog implements CallListener {
  private readonly loggedNames = new Set<string>();
  private failedMigration: string | undefined;

  /**
   * @param type - the DataSource's `options.type`
   * @param isFake - whether TypeORM records the migrations without running them
   */
  constructor(
    private readonly connection: string,
    private readonly direction: Direction,
    private readonly type: string,
    private readonly isFake: boolean,
  ) {}

  succeeded(name: string, seconds: number): void {
    this.loggedNames.add(name);
    logger.log(`${this.connection}: ${name} ${WORDS[this.direction].one} in ${inSeconds(seconds)}`);
  }

  failed(name: string, seconds: number, error: unknown): void {
    this.failedMigration = name;
    logger.error(`${this.connection}: ${name} failed after ${inSeconds(seconds)} (${this.explain(error)})`);
  }

  /** @param result - the result of `runMigrations()` or `undoLastMigration()` */
  runSucceeded(result: unknown, seconds: number): void {
    const { one } = WORDS[this.direction];
    // Migrations whose call could not be timed.
    const unlogged = namesIn(result).filter((name) => !this.loggedNames.has(name));
    for (const name of unlogged) logger.log(`${this.connection}: ${name} ${one}`);
    const count = this.loggedNames.size + unlogged.length;
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

  /** Returns the name of the error and the driver's code, without SQL and without the driver's message. */
  private explain(error: unknown): string {
    const { detail } = failureOf(error, this.type);
    return detail === undefined ? nameOfError(error) : `${nameOfError(error)}: ${detail}`;
  }
}

function inSeconds(seconds: number): string {
  return `${seconds.toFixed(3)} s`;
}

/** Reads the names from the result of `runMigrations()`: the applied migrations. */
function namesIn(result: unknown): string[] {
  if (!Array.isArray(result)) return [];
  return result
    .map((migration) => (migration as { name?: unknown } | null)?.name)
    .filter((name) => typeof name === 'string');
}
