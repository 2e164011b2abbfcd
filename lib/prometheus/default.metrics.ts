import { collectDefaultMetrics, type Registry } from 'prom-client';
import { RegistryInUseError } from '../prometheus-migrations.errors';
import type { MetricsRegistry, ResolvedModuleOptions } from '../prometheus-migrations.options';

/**
 * Collects prom-client's process metrics into the registry.
 *
 * @returns what takes them out again
 * @throws {@link RegistryInUseError} where the registry holds them already
 */
export function registerDefaultMetrics(
  registry: MetricsRegistry,
  defaultMetrics: ResolvedModuleOptions['defaultMetrics'],
): () => void {
  if (defaultMetrics === false) return () => {};
  const configuration = defaultMetrics === true ? {} : defaultMetrics;
  const probe = `${configuration.prefix ?? ''}process_cpu_user_seconds_total`;
  if (registry.getSingleMetric(probe) !== undefined) {
    throw new RegistryInUseError(
      `The registry already holds "${probe}": somebody else collects the default metrics into it. ` +
        'Leave the option defaultMetrics out.',
    );
  }
  const names = () => registry.getMetricsAsArray().map(({ name }) => name);
  const before = new Set(names());
  collectDefaultMetrics({ ...configuration, register: registry as Registry });
  const added = names().filter((name) => !before.has(name));
  return () => {
    for (const name of added) registry.removeSingleMetric(name);
  };
}
