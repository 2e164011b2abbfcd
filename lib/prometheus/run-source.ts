import { logger, nameOfError } from '../logger';
import type { MetricNaming } from '../metrics/metric.names';
import type { MetricsRegistry } from '../options/option.types';
import type { RecordedRuns, RunListener } from '../runs/recorded-runs';
import { type RunHost, RunMetrics, type ShownRuns } from './run-metrics';

/** The registry and names that an instrumented DataSource sets itself. */
export interface RunPlace extends MetricNaming {
  readonly registry?: MetricsRegistry | undefined;
}

/** Shows the runs of one DataSource at its hosts, or else at its own place. */
export class RunSource implements ShownRuns, RunListener {
  readonly hosts = new Set<RunHost>();
  private own: RunMetrics | undefined;
  private place: RunPlace = {};

  private constructor(private readonly recorded: RecordedRuns) {
    recorded.listeners.add(this);
  }

  static of(recorded: RecordedRuns): RunSource {
    let source = sources.get(recorded);
    if (source === undefined) sources.set(recorded, (source = new RunSource(recorded)));
    return source;
  }

  get runs() {
    return this.recorded.totals;
  }

  /**
   * @param place - the DataSource's own settings; a host provides the rest
   * @param own - shows the runs while no host exports the DataSource
   * @throws {@link RegistryInUseError} if the registry already holds another metric with one of the names
   */
  configure(place: RunPlace, own: RunMetrics): void {
    own.addSource(this);
    if (this.own !== own) this.own?.removeSource(this);
    this.own = own;
    this.place = place;
  }

  metricsAt({ registry, naming }: RunHost): RunMetrics | undefined {
    const { namespace = naming.namespace, prefix = naming.prefix } = this.place;
    const { registry: given = registry } = this.place;
    return given === registry ? RunMetrics.of(registry, { namespace, prefix }) : undefined;
  }

  labelFor(alias?: string): string {
    return this.recorded.labelFor(alias);
  }

  alias(): string | undefined {
    for (const host of this.hosts) {
      if (this.metricsAt(host) === undefined) continue;
      for (const [alias, source] of host.exported()) if (source === this) return alias;
    }
    return undefined;
  }

  /**
   * Registers the metrics again, because `registry.clear()` may have removed them. An error must not end the
   * run.
   */
  changed(): void {
    try {
      this.own?.addSource(this);
    } catch (error) {
      logger.warn(
        `${this.recorded.connection()}: the metrics of migration runs could not be registered (${nameOfError(error)}). ` +
          'Set the option registry, prefix or namespace to another.',
      );
    }
  }

  retired(): void {
    this.own?.retire(this);
  }
}

const sources = new WeakMap<RecordedRuns, RunSource>();
