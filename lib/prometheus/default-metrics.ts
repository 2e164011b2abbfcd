import { nameOfError } from '../logger';
import type { MetricsRegistry, ResolvedModuleOptions } from '../options/option.types';
import { describe, InvalidOptionError } from '../prometheus-migrations.errors';
import { clientOf } from './client';
import { claim, type MetricSet, type RegisteredMetric, release } from './registry';

/** The client's process metrics in a registry, if the option is set and nothing else collects them. */
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
    if (this.option === false) return;
    release(this);
  }

  readonly metrics = (): readonly RegisteredMetric[] => (this.made ??= this.collect());

  private collect(): readonly RegisteredMetric[] {
    if (this.registry.getSingleMetric(this.key) !== undefined) return [];
    const before = new Set(this.names());
    const added = () => this.names().filter((name) => !before.has(name));
    try {
      clientOf(this.registry).collectDefaultMetrics({
        ...(typeof this.option === 'object' ? this.option : {}),
        register: this.registry,
      });
    } catch (error) {
      for (const name of added()) this.registry.removeSingleMetric(name);
      throw new InvalidOptionError(
        'defaultMetrics',
        `is ${describe(this.option)}, which the Prometheus client refuses (${error instanceof Error ? error.message : nameOfError(error)})`,
        'Correct its configuration, or set it to false.',
      );
    }
    return added().map((name) => this.registry.getSingleMetric(name) as RegisteredMetric);
  }

  private names(): string[] {
    return this.registry.getMetricsAsArray().map(({ name }) => name);
  }
}
