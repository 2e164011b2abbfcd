import type { FailureReason } from '../migration/failure';
import type { MigrationStatus, Policy } from '../verdict/verdict';

/** One connection in a {@link MigrationsHealthResult}. It has no counts if it cannot be read. */
export interface ConnectionHealth {
  readonly status: MigrationStatus;
  readonly applied?: number;
  readonly unapplied?: number;
  readonly unknown?: number;
  readonly outOfOrder?: number;
  /** Why the newest reading failed, if it did. `'missing'`: there is no such connection (yet). */
  readonly reason?: FailureReason | 'missing';
}

/** Result of a health indicator for `@nestjs/terminus`. */
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
 * Checks whether every migration is applied, for `@nestjs/terminus` 11 and 12 and for probes without it.
 *
 * Probes and scrapes share one reading per connection and `maxAge`.
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
   * Checks whether every connection is up to date.
   *
   * A database that cannot be read is `down`. A connection that `policy.connections` names and that does not
   * exist is `down` too. Neither throws.
   *
   * @param key - name of the result
   * @param policy - overrides of the option `readiness`
   * @throws {@link InvalidOptionError} for an invalid policy: terminus answers it with 500
   */
  abstract isUpToDate<Key extends string = 'migrations'>(
    key?: Key,
    policy?: Policy,
  ): Promise<MigrationsHealthResult<Key>>;
}
