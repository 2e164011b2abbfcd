import type { MetricsOutlet } from '../metrics/outlet';
import { Monitor } from '../monitor/monitor';
import type { MetricsRegistry, MigrationsExporterOptions } from '../options/option.types';
import { EXPORTER_OPTIONS } from '../options/option.table';
import { resolve } from '../options/resolve';
import { checkChoice, registryOf } from './client';
import { MigrationMetrics } from './metrics';

/** The parts of an exporter. A module passes its own parts instead of options. */
export class ExporterParts {
  /** @param given - `undefined` if no client is installed and a meter shows the metrics */
  constructor(
    readonly monitor: Monitor,
    readonly outlets: readonly MetricsOutlet[],
    private readonly given: MetricsRegistry | undefined,
  ) {}

  static of(options: MigrationsExporterOptions): ExporterParts {
    const resolved = resolve(EXPORTER_OPTIONS, options, process.env);
    checkChoice(options.registry);
    const registry = registryOf(resolved.registry);
    const monitor = new Monitor(resolved);
    return new ExporterParts(monitor, [new MigrationMetrics(registry, resolved, monitor)], registry);
  }

  get registry(): MetricsRegistry {
    return this.given ?? registryOf(undefined);
  }

  publish(): void {
    for (const outlet of this.outlets) outlet.publish();
  }
}
