import type { FailureReason } from '../migration/failure';
import type { Monitor } from '../monitor/monitor';
import type { Snapshot } from '../monitor/snapshots';
import { UnknownConnectionError } from '../prometheus-migrations.errors';
import { judged, reasonOf, stateUnder } from '../verdict/report';
import { type MigrationStatus, type Policy, verdict } from '../verdict/verdict';

/** One connection in a {@link MigrationsHealthResult}; no counts if it cannot be read. */
export interface ConnectionHealth {
  readonly status: MigrationStatus;
  readonly applied?: number;
  readonly unapplied?: number;
  readonly unknown?: number;
  readonly outOfOrder?: number;
  /** Why the newest reading failed, if it did. */
  readonly reason?: FailureReason;
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
export class MigrationsHealthIndicator {
  /** @internal */
  readonly monitor: Monitor;
  /** @internal */
  readonly defaults: Policy;
  /** Policies with `once` under which everything was up to date already. @internal */
  readonly latched = new Set<string>();

  /**
   * @param monitor - the module's own
   * @param defaults - the option `readiness`
   * @internal
   */
  constructor(monitor: Monitor, defaults: Policy) {
    this.monitor = monitor;
    this.defaults = defaults;
  }

  /**
   * Tells whether every connection is up to date. A database that cannot be read is `down`, and throws
   * nothing.
   *
   * @param key - name of the result
   * @param policy - what counts, on top of the option `readiness`
   * @throws {@link UnknownConnectionError} if `policy.connections` names one that is not exported
   */
  async isUpToDate<Key extends string = 'migrations'>(
    key: Key = 'migrations' as Key,
    policy: Policy = {},
  ): Promise<MigrationsHealthResult<Key>> {
    const merged = { ...this.defaults, ...definedOnly(policy) };
    const latch = JSON.stringify(merged);
    const isLatched = merged.once === true && this.latched.has(latch);
    const snapshots = isLatched ? this.monitor.known() : await this.monitor.current();
    assertKnown(merged.connections, snapshots);

    const all = judged(snapshots, merged);
    const isUp = isLatched || all.every((snapshot) => verdict(stateUnder(snapshot, merged), merged).ok);
    // Without a connection nothing has been up to date yet: a module that is loaded later may bring some.
    if (isUp && merged.once === true && all.length > 0) this.latched.add(latch);
    const connections = Object.fromEntries(
      all.map((snapshot) => [snapshot.connection, healthOf(snapshot, merged)]),
    );
    return { [key]: { status: isUp ? 'up' : 'down', connections } } as MigrationsHealthResult<Key>;
  }
}

/** What is `undefined` is not set, as in the options. */
function definedOnly(policy: Policy): Policy {
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined));
}

function healthOf(snapshot: Snapshot, policy: Policy): ConnectionHealth {
  const state = stateUnder(snapshot, policy);
  const reason = reasonOf(snapshot);
  return {
    status: verdict(state, policy).status,
    ...(state !== undefined && {
      applied: state.applied.length,
      unapplied: state.unapplied.length,
      unknown: state.unknown.length,
      outOfOrder: state.outOfOrder.length,
    }),
    ...(reason !== undefined && { reason }),
  };
}

function assertKnown(connections: readonly string[] | undefined, snapshots: readonly Snapshot[]): void {
  const known = snapshots.map(({ connection }) => connection);
  const unknown = connections?.find((connection) => !known.includes(connection));
  if (unknown !== undefined) throw new UnknownConnectionError(unknown, known);
}
