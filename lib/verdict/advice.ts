import type { FailureReason } from '../migration/failure';

interface Advice {
  readonly meaning: string;
  readonly fix: string;
}

/** Explains a reason on a kind of database, and how to fix it. */
export function adviceOn(reason: FailureReason, database: string): Advice {
  return reason === 'unreachable' && IN_FILES.includes(database) ? NO_FILE : ADVICE[reason];
}

/** TypeORM's drivers that open a file instead of connecting to a server. */
const IN_FILES: readonly string[] = ['better-sqlite3', 'sqlite', 'sqljs'];

const NO_FILE: Advice = {
  meaning: 'The database file does not exist or cannot be opened.',
  fix: "Check the path in the DataSource's option database, from the working directory, and the rights to the file.",
};

/** The meaning of each reason and its fix, for the command line and the documentation. */
export const ADVICE: Readonly<Record<FailureReason, Advice>> = {
  timeout: {
    meaning: 'The database did not answer in time.',
    fix: 'Look for a lock on the migrations table, an exhausted pool or a slow network; or raise the timeout.',
  },
  unreachable: {
    meaning: 'There is no connection to the database.',
    fix: "Check that the server runs, that the database exists, and the DataSource's host, port, database and ssl; characters such as # in a URL have to be percent-encoded.",
  },
  denied: {
    meaning: 'The database refuses the user, or the user may not read the migrations table.',
    fix: 'Check user and password, and grant SELECT on the migrations table.',
  },
  uninitialized: {
    meaning:
      'The DataSource is not connected: initialize() has not run, has not ended, or destroy() was called.',
    fix: 'Initialize it, or stop exporting it.',
  },
  invalid_migrations: {
    meaning: 'TypeORM cannot run the migrations as they are.',
    fix: 'Fix the problem that the log names: a file that cannot be loaded, a name without a timestamp, a duplicate name, or a table of another owner.',
  },
  other: {
    meaning: 'The driver failed with an unknown error.',
    fix: 'Look up the code that the log shows in the documentation of the database.',
  },
};
