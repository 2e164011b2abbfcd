import { Counter, Gauge, type Registry } from 'prom-client';
import type { FailureReason } from '../migration/migration.state';
import type { MetricsRegistry } from '../prometheus-migrations.options';
import { type MetricNaming, metricNames } from './metric.names';
import { assertNamesAreFree } from './registry.claim';
import { COLLECTION_ERRORS_HELP, type ConnectionSnapshot, MIGRATION_GAUGES } from './migration.gauges';

const FAILURE_REASONS = [
  'timeout',
  'unreachable',
  'denied',
  'uninitialized',
  'invalid_migrations',
  'other',
] as const satisfies readonly FailureReason[];

/** The counter of failed readings. */
export interface CollectionErrors {
  /** Shows a connection with all reasons at 0, so that `increase()` sees the first failure. */
  add(connection: string): void;
  count(connection: string, reason: FailureReason): void;
  remove(connection: string): void;
}

/**
 * Puts the metrics into a registry. Each has a `collect` of its own, and all that prom-client calls
 * within one scrape await the same refresh: one that filled its neighbours would leave them a scrape
 * behind.
 *
 * @throws {@link RegistryInUseError} where the registry holds one of the names already
 * @param refresh - what every connection reads at this scrape; must not throw, or all of `/metrics` fails
 */
export function registerMigrationMetrics(
  registry: MetricsRegistry,
  naming: MetricNaming,
  refresh: () => Promise<readonly ConnectionSnapshot[]>,
): CollectionErrors {
  assertNamesAreFree(registry, naming);
  const names = metricNames(naming);
  // Typed as prom-client's own; only what MetricsRegistry names is used of it.
  const registers = [registry as Registry];

  for (const { key, help, aggregator, labelNames = [], labels, value } of MIGRATION_GAUGES) {
    new Gauge({
      name: names[key],
      help,
      aggregator,
      labelNames: ['connection', ...labelNames],
      registers,
      async collect() {
        const snapshots = await refresh();
        this.reset();
        for (const snapshot of snapshots) {
          const current = value(snapshot);
          if (current === undefined) continue;
          this.set({ connection: snapshot.reading.connection, ...labels?.(snapshot) }, current);
        }
      },
    });
  }

  const errors = new Counter({
    name: names.collectionErrors,
    help: COLLECTION_ERRORS_HELP,
    labelNames: ['connection', 'reason'],
    registers,
    async collect() {
      await refresh();
    },
  });
  return {
    add: (connection) => {
      for (const reason of FAILURE_REASONS) errors.inc({ connection, reason }, 0);
    },
    count: (connection, reason) => errors.inc({ connection, reason }),
    remove: (connection) => {
      for (const reason of FAILURE_REASONS) errors.remove({ connection, reason });
    },
  };
}

/** Takes the metrics out of the registry again. */
export function removeMigrationMetrics(registry: MetricsRegistry, naming: MetricNaming): void {
  for (const name of Object.values(metricNames(naming))) registry.removeSingleMetric(name);
}
