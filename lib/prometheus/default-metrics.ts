import { collectDefaultMetrics, type Registry } from 'prom-client';
import type { MetricsRegistry, ResolvedModuleOptions } from '../options/option.types';
import { claim, type MetricSet, type RegisteredMetric, release } from './registry';

/** prom-client's process metrics in a registry, if the options want them and nobody else collects them. */
export class DefaultMetrics implements MetricSet {
  readonly key: string;
  readonly description: string;
  isClosing = false;
  private made: readonly RegisteredMetric[] | undefined;

  constructor(
    readonly registry: MetricsRegistry,
    private readonly option: ResolvedModuleOptions['defaultMetrics'],
  ) {
    const { prefix = '' } = typeof option === 'object' ? option : {};
    this.key = `${prefix}process_cpu_user_seconds_total`;
    this.description = `the default metrics ("${prefix}process_*")`;
  }

  publish(): void {
    if (this.option === false) return;
    claim(this);
  }

  withdraw(): void {
    release(this);
  }

  readonly metrics = (): readonly RegisteredMetric[] => (this.made ??= this.collect());

  private collect(): readonly RegisteredMetric[] {
    if (this.registry.getSingleMetric(this.key) !== undefined) return [];
    const names = () => this.registry.getMetricsAsArray().map(({ name }) => name);
    const before = new Set(names());
    collectDefaultMetrics({
      ...(typeof this.option === 'object' ? this.option : {}),
      register: this.registry as Registry,
    });
    return names()
      .filter((name) => !before.has(name))
      .map((name) => this.registry.getSingleMetric(name) as RegisteredMetric);
  }
}
