import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrationTimestamp } from '../../lib/migration/state';
import { createPostgres } from '../support/databases';
import { fileOf, History, nameOf } from '../support/history';
import { ReviewCommand } from '../support/review';

const TIMEOUT = { timeout: 120_000 };

const command = new ReviewCommand();
let history: History;

beforeEach(() => {
  history = History.start();
});
afterEach(() => history.remove());

/** A branch adds the days, and main others meanwhile. */
function apart(branch: readonly number[], main: readonly number[]): void {
  history.branch('feature');
  for (const day of branch) history.migration(`Branch${day}X`, day);
  if (branch.length > 0) history.commit('branch');
  history.switch('main');
  for (const day of main) history.migration(`Main${day}X`, day);
  if (main.length > 0) history.commit('main');
  history.switch('feature');
}

/** What the command calls late. */
async function late(base = 'main'): Promise<string[]> {
  const findings = await command.findings(history, '--fail-on', 'late', ...(base === 'main' ? [] : []));
  return findings.flatMap((finding) => /^late (.*)/.exec(finding)?.[1] ?? []);
}

/**
 * The migrations that `runMigrations()` runs after newer ones: on a database that had the base applied, when the branch is
 * merged into it.
 */
function outOfOrder(environment: NodeJS.ProcessEnv): string[] {
  history.git('add', '--all');
  history.git('commit', '--quiet', '--allow-empty', '--message', 'the working tree');
  const merged = history.clone('origin/main');
  try {
    const base = merged.runMigrations(environment);
    merged.merge('origin/feature', '--quiet');
    const after = merged.runMigrations(environment);
    expect(after.slice(0, base.length)).toEqual(base);
    const newest = Math.max(...base.map(migrationTimestamp));
    return after.slice(base.length).filter((name) => migrationTimestamp(name) < newest);
  } finally {
    merged.remove();
  }
}

/** Histories of a branch `feature`, with what is late in each. */
const HISTORIES: readonly (readonly [what: string, make: () => void, expected: readonly string[]])[] = [
  ['a branch whose base stood still', () => apart([2, 3], []), []],
  ['of two branches, the newer one is merged last', () => apart([3], [2]), []],
  ['of two branches, the older one is merged last', () => apart([2], [3]), [nameOf('Branch2X', 2)]],
  ['a migration older than the merge base', () => apart([0], []), [nameOf('Branch0X', 0)]],
  [
    'a branch that got its base merged',
    () => {
      apart([2], [3]);
      history.merge('main');
    },
    [nameOf('Branch2X', 2)],
  ],
  [
    'a branch that is rebased',
    () => {
      apart([2, 4], [3]);
      history.git('rebase', '--quiet', 'main');
    },
    [nameOf('Branch2X', 2)],
  ],
  [
    'a branch that goes on after it was squashed into its base',
    () => {
      apart([2], [3]);
      history.switch('main');
      history.merge('feature', '--squash');
      history.commit('squash');
      history.switch('feature');
      history.migration('Later', 4);
    },
    [],
  ],
  [
    'a hotfix that is cherry-picked from the base',
    () => {
      apart([4], [3]);
      history.git('cherry-pick', 'main');
    },
    [],
  ],
  [
    'a revert of a revert of an old migration',
    () => {
      history.migration('Second', 2);
      history.commit();
      history.git('revert', '--no-edit', 'HEAD');
      history.migration('Third', 3);
      history.commit();
      history.branch('feature');
      history.git('revert', '--no-edit', 'HEAD~1');
    },
    [nameOf('Second', 2)],
  ],
  [
    'a release branch that is merged back',
    () => {
      history.branch('feature');
      history.migration('Hotfix', 2);
      history.commit();
      history.switch('main');
      history.migration('Third', 3);
      history.commit();
      history.migration('Fourth', 4);
      history.commit();
      history.switch('feature');
      history.migration('Fifth', 5);
    },
    [nameOf('Hotfix', 2)],
  ],
  [
    'files that are not committed',
    () => {
      apart([], [3]);
      history.migration('Second', 2);
    },
    [nameOf('Second', 2)],
  ],
  [
    'a moved folder',
    () => {
      apart([2], [3]);
      history.git('mv', fileOf('Branch2X', 2), 'src/migrations/branch.ts');
    },
    [nameOf('Branch2X', 2)],
  ],
];

describe('what runMigrations() runs out of order on a database of the base is late', TIMEOUT, () => {
  it.each(HISTORIES)('SQLite: %s', async (_what, make, expected) => {
    make();
    const database = join(tmpdir(), `${randomUUID()}.sqlite`);

    expect(await late()).toEqual(expected);
    expect(outOfOrder({ SQLITE: database })).toEqual(expected);

    rmSync(database);
  });

  it.each(HISTORIES.slice(1, 4))('PostgreSQL: %s', async (_what, make, expected) => {
    make();
    const database = await createPostgres();
    try {
      expect(await late()).toEqual(expected);
      expect(outOfOrder({ POSTGRES_URL: database.url })).toEqual(expected);
    } finally {
      await database.drop();
    }
  });
});
