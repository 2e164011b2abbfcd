import { Monitor } from '../monitor/monitor';
import { checkMeterNaming } from '../options/meter-naming';
import { OBSERVE_OPTIONS } from '../options/option.table';
import type { MeterOption, ObserveMigrationsOptions } from '../options/option.types';
import { resolve } from '../options/resolve';
import { MeterMetrics } from './meter-metrics';
import { meterOf } from './meter';

/**
 * Observes the migrations of DataSources on an OpenTelemetry meter, in a script without Nest.
 *
 * No Prometheus client is needed. In a Nest application, use the option `meter` of {@link
 * PrometheusMigrationsModule} instead.
 *
 * Each collection of the SDK works like a scrape: it reads at most once in `maxAge`, and within `timeout`.
 * After `close()` the gauges are `NaN`.
 *
 * @param options - the connections as `dataSources`; the environment is read now
 * @param meter - a meter of a started SDK; a function is called at once
 * @returns A promise that resolves when every connection was read for the first time. A connection that
 * cannot be read does not reject it.
 * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a value that cannot work
 *
 * @example
 * ```ts
 * const observation = await observeMigrations({ dataSources: { default: dataSource } }, metrics.getMeter('worker'));
 * // … and when the script ends:
 * observation.close();
 * ```
 */
export async function observeMigrations(
  options: ObserveMigrationsOptions,
  meter: MeterOption,
): Promise<{ close(): void }> {
  const resolved = resolve(OBSERVE_OPTIONS, { ...options, meter }, process.env);
  checkMeterNaming(resolved);
  const monitor = new Monitor(resolved);
  const metrics = new MeterMetrics(() => meterOf(resolved.meter), resolved, monitor);
  metrics.open();
  monitor.includeAll();
  metrics.publish();
  await monitor.readExported();
  // The DataSources are ready now, so their runs can be shown too.
  metrics.publish();
  return {
    close() {
      metrics.withdraw();
      monitor.abandon();
    },
  };
}
