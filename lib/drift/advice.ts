import type { DriftSkip } from './reading';

interface Advice {
  readonly meaning: string;
  readonly fix: string;
}

/**
 * The meaning of each reason why drift is not judged, and its fix, for the command line and the
 * documentation.
 */
export const DRIFT_ADVICE: Readonly<Record<DriftSkip, Advice>> = {
  unapplied: {
    meaning:
      'A migration is unapplied, or one is recorded that this code does not define: the schema belongs to other entities.',
    fix: 'Apply the migrations, or check with the code whose migrations are applied.',
  },
  unreadable: {
    meaning: 'The database could not be read before or after the check.',
    fix: 'Find out why: see the reason of the connection.',
  },
  denied: {
    meaning: 'The user may not see every table of the entities, and a hidden table looks like a missing one.',
    fix: 'Grant SELECT on every table of the entities; on MariaDB and MySQL, the rights that the application has.',
  },
  no_entities: {
    meaning: 'The DataSource has no entities, so there is nothing to compare the schema with.',
    fix: 'Set its option entities. With autoLoadEntities, pass the module: `--module dist/app.module.js`.',
  },
  shared_connection: {
    meaning: 'A SQLite database in memory has only one connection, and the drift check needs a second one.',
    fix: 'Nothing: such a database ends with its process. Drift can be checked in a database in a file.',
  },
  unsupported: {
    meaning: 'Drift can be checked only on PostgreSQL, MySQL, MariaDB and SQLite.',
    fix: 'Leave the connection out.',
  },
  timeout: {
    meaning: 'The schema was not read in time, or something held a lock on a table for longer than a second.',
    fix: 'Look for a migration that is running and for long transactions, and try again.',
  },
  other: {
    meaning: "TypeORM's schema builder failed, for example because the table typeorm_metadata is missing.",
    fix: 'Run `typeorm schema:log`, which shows its error.',
  },
};
