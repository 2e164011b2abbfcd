import { RegistryInUseError } from '../prometheus-migrations.errors';
import type { MetricsRegistry } from '../prometheus-migrations.options';
import { type MetricNaming, metricNames } from './metric.names';

const claimed = new WeakSet<MetricsRegistry>();

/**
 * Makes the registry one exporter's own, until {@link releaseRegistry}.
 *
 * @throws {@link RegistryInUseError} where another exporter lives on it, or it holds one of the names
 */
export function claimRegistry(registry: MetricsRegistry, naming: MetricNaming): void {
  if (claimed.has(registry)) {
    throw new RegistryInUseError(
      'Another PrometheusMigrationsModule or MigrationsExporter is alive on this registry. ' +
        'Set the option registry to one of its own (`registry: new Registry()`), ' +
        'or close the other first (in tests: `await app.close()`).',
    );
  }
  assertNamesAreFree(registry, naming);
  claimed.add(registry);
}

export function releaseRegistry(registry: MetricsRegistry): void {
  claimed.delete(registry);
}

/**
 * @throws {@link RegistryInUseError} where the registry holds one of the names already: prom-client would
 * refuse it after others were registered
 */
export function assertNamesAreFree(registry: MetricsRegistry, naming: MetricNaming): void {
  const taken = Object.values(metricNames(naming)).find(
    (name) => registry.getSingleMetric(name) !== undefined,
  );
  if (taken !== undefined) {
    throw new RegistryInUseError(
      `The registry already holds a metric "${taken}". ` +
        'Set the option registry, prefix or namespace to another, or register that metric elsewhere.',
    );
  }
}
