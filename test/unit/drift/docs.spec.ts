import { describe, expect, it } from 'vitest';
import { DRIFT_ADVICE } from '../../../lib/drift/advice';
import { ignoreDrift } from '../../../lib/drift/ignore';
import { DRIFT_SKIPS, type DriftChange } from '../../../lib/drift/reading';
import { page, tableIn } from '../../support/documents';
import type { DriftCase } from '../../support/drift/case';
import { MYSQL_CASES } from '../../support/drift/mysql.cases';
import { FALSE_POSITIVES } from '../../support/drift/postgres.cases';
import { SQLITE_CASES } from '../../support/drift/sqlite.cases';

const source = page('docs/drift.md');

/** Drift that is real is on no list of false positives. */
const REAL = /^an index by hand|^columns more|^a table dropped|^query result cache/;

const PAIRS = [
  ...FALSE_POSITIVES.map((each) => ({ ...each, database: 'PostgreSQL' })),
  ...MYSQL_CASES.map((each) => ({ ...each, database: 'MySQL and MariaDB' })),
  ...SQLITE_CASES.map((each) => ({ ...each, database: 'SQLite' })),
].filter(({ name, drift }) => !REAL.test(name) && Array.isArray(drift) && drift.length > 0);

/** The entries in the last column of a database's table. */
function entriesFor(database: string): string[] {
  return tableIn(source, `false-positives: ${database}`).flatMap(
    (cells) => cells.at(-1)?.match(/(?<=`)[^`,]+(?=`)/g) ?? [],
  );
}

/** `change column o.v 1`, as the cases have it. */
function differencesOf({ drift }: DriftCase) {
  return [...drift].map((text) => {
    const [, change = '', table = '', name, statements] =
      /^(.+) ([^ .]+)(?:\.([^ ]+))? (\d+)$/.exec(text) ?? [];
    return {
      change: change as DriftChange,
      table,
      ...(name !== undefined && { name }),
      statements: Number(statements),
    };
  });
}

describe('docs/drift.md', () => {
  it('says what each reason means and what to do, as the command line does', () => {
    expect(tableIn(source, 'skips')).toEqual(
      DRIFT_SKIPS.map((skip) => [`\`${skip}\``, DRIFT_ADVICE[skip].meaning, DRIFT_ADVICE[skip].fix]),
    );
  });

  it.each(PAIRS)('has an entry that ignores, on $database, $name', (each) => {
    // The entries are for a table `o`; one case has a longer name.
    const entries = entriesFor(each.database).map((entry) =>
      entry.replace(/:o\.v$/, each.name.startsWith('enum type') ? ':a_table*' : ':o.v'),
    );
    expect(entries.length).toBeGreaterThan(1);
    expect(ignoreDrift(differencesOf(each), entries).counted).toEqual([]);
  });
});
