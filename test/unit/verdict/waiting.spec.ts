import { describe, expect, it } from 'vitest';
import { waitForMigrations } from '../../../lib/verdict/waiting';
import type { Policy } from '../../../lib/verdict/verdict';
import { failedCollection, readCollection, snapshotOf } from '../../support/snapshots';

const away = [snapshotOf({ collection: failedCollection('unreachable') })];
const behind = [snapshotOf({ collection: readCollection(['A1700000000001'], []) })];
const upToDate = [snapshotOf({ collection: readCollection(['A1700000000001'], ['A1700000000001']) })];

/** The last line of a wait for a database that is away at first. */
async function lastLine(policy: Policy, then: typeof away): Promise<string | undefined> {
  const lines: string[] = [];
  await waitForMigrations(away, {
    policy,
    timeout: 10_000,
    interval: 1,
    read: () => Promise.resolve(then),
    log: (line) => lines.push(line),
  });
  return lines.at(-1);
}

describe('waitForMigrations', () => {
  it('tells when all migrations are applied', async () => {
    expect(await lastLine({}, upToDate)).toMatch(/^All migrations are applied, after /);
  });

  it('does not tell so where unapplied ones are allowed', async () => {
    expect(await lastLine({ allowUnapplied: Infinity }, behind)).toMatch(
      /^Nothing is left to wait for, after /,
    );
  });
});
