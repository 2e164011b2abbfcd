import type { MigrationState } from '../migration/state';

/** Deviations that a connection may have. */
export interface Policy {
  /**
   * Number of unapplied migrations allowed on each connection.
   * @defaultValue `0`
   */
  readonly allowUnapplied?: number | undefined;
  /**
   * Whether to allow applied migrations that the code does not define. In a rollout, an older pod on a newer
   * schema has them.
   * @defaultValue `true`
   */
  readonly allowUnknown?: boolean | undefined;
  /**
   * Whether to allow unapplied migrations older than the newest applied one, within `allowUnapplied`.
   * @defaultValue `true`
   */
  readonly allowOutOfOrder?: boolean | undefined;
  /**
   * Whether to allow a connection whose code defines no migration, where nothing can be unapplied. `false`
   * detects a path in the DataSource's `migrations` that matches no file.
   * @defaultValue `true`
   */
  readonly allowNoMigrations?: boolean | undefined;
  /**
   * Aliases of the connections to judge.
   * @defaultValue all exported connections
   */
  readonly connections?: readonly string[] | undefined;
  /**
   * Result while a database cannot be read. `'down'`: the connection is down. `'last'`: judges the last
   * successful reading, if there is one.
   * @defaultValue `'down'`
   */
  readonly whenUnreadable?: 'down' | 'last' | undefined;
  /**
   * `true`: once everything was up to date, the result stays so for the life of the process, and no database
   * is read again.
   * @defaultValue `false`
   */
  readonly once?: boolean | undefined;
}

/** Status of a connection, regardless of the policy. */
export type MigrationStatus = 'up-to-date' | 'unapplied' | 'unreadable';

/** Violations of a policy. */
export const FORBIDDEN = ['unapplied', 'unknown', 'out-of-order', 'no-migrations', 'unreadable'] as const;
export type Forbidden = (typeof FORBIDDEN)[number];

export interface Verdict {
  readonly status: MigrationStatus;
  /** Whether the connection meets the policy. */
  readonly ok: boolean;
  /** All violations of the policy. */
  readonly failedOn: readonly Forbidden[];
}

/**
 * Judges a connection under a policy. Health, gates, the status page and the command line all use it.
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
  // Negated, so that NaN is a violation.
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
