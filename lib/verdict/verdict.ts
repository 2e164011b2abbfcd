import type { MigrationState } from '../migration/state';

/** What a connection may deviate in. */
export interface Policy {
  /**
   * Unapplied migrations that are allowed on each connection.
   * @defaultValue `0`
   */
  readonly allowUnapplied?: number | undefined;
  /**
   * Whether applied migrations that the code does not define are allowed: an older pod on a newer schema
   * is fine in a rollout.
   * @defaultValue `true`
   */
  readonly allowUnknown?: boolean | undefined;
  /**
   * Whether unapplied migrations older than the newest applied one are allowed, as far as
   * `allowUnapplied` allows them at all.
   * @defaultValue `true`
   */
  readonly allowOutOfOrder?: boolean | undefined;
  /**
   * Whether a connection is allowed whose code defines no migration: nothing can be unapplied on it. `false` notices a
   * path in the DataSource's `migrations` that matches no file.
   * @defaultValue `true`
   */
  readonly allowNoMigrations?: boolean | undefined;
  /**
   * Aliases of the connections that are judged.
   * @defaultValue all that are exported
   */
  readonly connections?: readonly string[] | undefined;
  /**
   * What counts while a database cannot be read. `'down'`: that. `'last'`: the newest reading that
   * succeeded, if there is one.
   * @defaultValue `'down'`
   */
  readonly whenUnreadable?: 'down' | 'last' | undefined;
  /**
   * `true`: once everything was up to date, it stays so for the life of the process, and no database is
   * asked any more.
   * @defaultValue `false`
   */
  readonly once?: boolean | undefined;
}

/** Where a connection stands, whatever is allowed. */
export type MigrationStatus = 'up-to-date' | 'unapplied' | 'unreadable';

/** What a policy does not allow. */
export const FORBIDDEN = ['unapplied', 'unknown', 'out-of-order', 'no-migrations', 'unreadable'] as const;
export type Forbidden = (typeof FORBIDDEN)[number];

export interface Verdict {
  readonly status: MigrationStatus;
  /** Whether the policy allows what there is. */
  readonly ok: boolean;
  /** Everything that it does not allow. */
  readonly failedOn: readonly Forbidden[];
}

/**
 * Tells what is wrong with a connection under a policy. Health, gates, the status page and the command
 * line all ask this.
 *
 * @param state - `undefined` if it cannot be read
 */
export function verdict(
  state: MigrationState | undefined,
  { allowUnapplied = 0, allowUnknown = true, allowOutOfOrder = true, allowNoMigrations = true }: Policy,
): Verdict {
  if (state === undefined) return { status: 'unreadable', ok: false, failedOn: ['unreadable'] };
  const { defined, unapplied, unknown, outOfOrder } = state;
  const failedOn: Forbidden[] = [];
  // What cannot be compared, as NaN, is not allowed.
  if (!(unapplied.length <= allowUnapplied)) failedOn.push('unapplied');
  if (unknown.length > 0 && allowUnknown !== true) failedOn.push('unknown');
  if (outOfOrder.length > 0 && allowOutOfOrder !== true) failedOn.push('out-of-order');
  if (defined.length === 0 && allowNoMigrations !== true) failedOn.push('no-migrations');
  return {
    status: unapplied.length > 0 ? 'unapplied' : 'up-to-date',
    ok: failedOn.length === 0,
    failedOn,
  };
}
