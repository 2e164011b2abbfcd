import { logger } from '../logger';
import type { Monitor } from '../monitor/monitor';
import type { Snapshot } from '../monitor/snapshots';
import { POLICY_OPTIONS } from '../options/option.table';
import { resolve } from '../options/resolve';
import { describe } from '../prometheus-migrations.errors';
import { judged, reasonOf, stateUnder } from '../verdict/report';
import { type Policy, verdict } from '../verdict/verdict';
import { type ConnectionHealth, MigrationsHealthIndicator, type MigrationsHealthResult } from './indicator';

/** The indicator of a module. */
export class Readiness extends MigrationsHealthIndicator {
  /** Policies with `once` under which everything has been up to date. */
  private readonly latched = new Set<string>();
  /** Missing names of `connections` that the log already has a warning about. */
  private readonly warned = new Set<string>();

  /** @param defaults - the option `readiness` */
  constructor(
    private readonly monitor: Monitor,
    private readonly defaults: Policy,
  ) {
    super();
  }

  async isUpToDate<Key extends string = 'migrations'>(
    key: Key = 'migrations' as Key,
    policy: Policy = {},
  ): Promise<MigrationsHealthResult<Key>> {
    const merged = {
      ...this.defaults,
      ...resolve(POLICY_OPTIONS, policy, {}, { parent: 'policy' }),
    };
    const latch = JSON.stringify(merged);
    const isLatched = merged.once === true && this.latched.has(latch);
    const snapshots = isLatched ? this.monitor.known() : await this.monitor.current();
    const missing = missingFrom(snapshots, merged);
    if (!isLatched) this.warn(missing, snapshots);

    const all = judged(snapshots, merged);
    const isOk =
      missing.length === 0 && all.every((snapshot) => verdict(stateUnder(snapshot, merged), merged).ok);
    // Without connections nothing is up to date yet: a lazily loaded module may add some.
    if (isOk && merged.once === true && all.length > 0) this.latched.add(latch);
    const connections = Object.fromEntries([
      ...all.map((snapshot) => [snapshot.connection, healthOf(snapshot, merged)] as const),
      ...missing.map((connection) => [connection, MISSING] as const),
    ]);
    return {
      [key]: { status: isLatched || isOk ? 'up' : 'down', connections },
    } as MigrationsHealthResult<Key>;
  }

  /** Warns once about each name that no connection has. */
  private warn(missing: readonly string[], snapshots: readonly Snapshot[]): void {
    const known = snapshots.map(({ connection }) => connection);
    for (const connection of known) this.warned.delete(connection);
    for (const connection of missing.filter((each) => !this.warned.has(each))) {
      this.warned.add(connection);
      logger.warn(
        `Readiness: connections names ${describe(connection)}, but there is no such connection (yet). ` +
          `It is down until there is one. Known connections: ${known.map(describe).join(', ') || 'none'}.`,
      );
    }
  }
}

const MISSING: ConnectionHealth = { status: 'unreadable', reason: 'missing' };

/** Returns the names in a policy that no connection has (yet). */
function missingFrom(snapshots: readonly Snapshot[], { connections = [] }: Policy): readonly string[] {
  return connections.filter((name) => !snapshots.some(({ connection }) => connection === name));
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
