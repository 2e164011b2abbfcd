import type { FailureReason } from '../migration/failure';
import type { MigrationStatus, Policy } from '../verdict/verdict';

/** One connection in a {@link MigrationsHealthResult}; no counts if it cannot be read. */
export interface ConnectionHealth {
  readonly status: MigrationStatus;
  readonly applied?: number;
  readonly unapplied?: number;
  readonly unknown?: number;
  readonly outOfOrder?: number;
  /** Why the newest reading failed, if it did; `'missing'`: there is no such connection, or not yet. */
  readonly reason?: FailureReason | 'missing';
}

/** What `@nestjs/terminus` expects of a health indicator. */
export type MigrationsHealthResult<Key extends string = string> = Readonly<
  Record<
    Key,
    {
      readonly status: 'up' | 'down';
      readonly connections: Readonly<Record<string, ConnectionHealth>>;
    }
  >
>;

/**
 * Health indicator for `@nestjs/terminus` 11 and 12, and for probes without it: is every migration
 * applied?
 *
 * Reads no more than a scrape does: both share one reading per connection and `maxAge`.
 *
 * @example
 * ```ts
 * @Controller()
 * export class HealthController {
 *   constructor(
 *     private readonly health: HealthCheckService,
 *     private readonly migrations: MigrationsHealthIndicator,
 *   ) {}
 *
 *   @Get('readyz')
 *   @HealthCheck()
 *   check() {
 *     return this.health.check([() => this.migrations.isUpToDate('migrations', { once: true })]);
 *   }
 * }
 * ```
 */
export abstract class MigrationsHealthIndicator {
  /**
   * Judges whether every connection is up to date. A database that cannot be read is `down`, and so is a
   * connection that `policy.connections` names and that is not there: neither throws.
   *
   * @param key - name of the result
   * @param policy - what counts, on top of the option `readiness`
   * @throws {@link InvalidOptionError} for a policy that cannot judge: terminus passes it on, as a 500
   */
  abstract isUpToDate<Key extends string = 'migrations'>(
    key?: Key,
    policy?: Policy,
  ): Promise<MigrationsHealthResult<Key>>;
}
