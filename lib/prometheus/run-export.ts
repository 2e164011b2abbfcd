import { logger, nameOfError } from '../logger';
import type { Monitor } from '../monitor/monitor';
import type { MetricsRegistry } from '../options/option.types';
import type { MetricNaming } from '../metrics/metric.names';
import { recordedOf } from '../runs/recorded-runs';
import type { RunHost, RunMetrics } from './run-metrics';
import { RunSource } from './run-source';

/** Shows the runs of the instrumented DataSources that a monitor exports. */
export class RunExport implements RunHost {
  private hosted: ReadonlySet<RunSource> = new Set();
  private readonly shown = new Set<RunMetrics>();
  private wasWarned = false;

  constructor(
    readonly registry: MetricsRegistry,
    readonly naming: MetricNaming,
    private readonly monitor: Monitor,
  ) {}

  /**
   * Adds the DataSources that are exported now, and removes the others.
   *
   * @throws {@link RegistryInUseError} if the registry already holds another metric with one of the names
   */
  publish(): void {
    const hosted = new Set<RunSource>();
    const claimed = new Set<RunMetrics>();
    for (const [, source] of this.exported()) {
      const metrics = source.metricsAt(this);
      if (metrics === undefined) continue;
      if (!claimed.has(metrics)) metrics.addHost(this);
      claimed.add(metrics);
      this.shown.add(metrics);
      source.hosts.add(this);
      hosted.add(source);
    }
    for (const before of this.hosted) if (!hosted.has(before)) before.hosts.delete(this);
    this.hosted = hosted;
  }

  /** Publishes within a scrape, which must not fail: an error becomes one warning. */
  update(): void {
    try {
      this.publish();
    } catch (error) {
      if (!this.wasWarned)
        logger.warn(
          `The metrics of migration runs could not be registered (${nameOfError(error)}). ` +
            'Set the option registry, prefix or namespace to another.',
        );
      this.wasWarned = true;
    }
  }

  withdraw(): void {
    for (const source of this.hosted) source.hosts.delete(this);
    for (const metrics of this.shown) metrics.removeHost(this);
    this.hosted = new Set();
    this.shown.clear();
  }

  *exported(): Iterable<readonly [alias: string, source: RunSource]> {
    for (const [alias, dataSource] of this.monitor.exported) {
      const runs = recordedOf(dataSource);
      if (runs !== undefined) yield [alias, RunSource.of(runs)];
    }
  }
}
