import type { MetricsRegistry } from '../options/option.types';
import { familyOf, type MetricKey, type MetricNaming, metricNames } from '../metrics/metric.names';
import { RUN_METRICS } from '../metrics/metric.table';
import { addTo, RUN_BUCKETS, RUN_OUTCOMES, type RunTotals } from '../runs/totals';
import { clientOf } from './client';
import { claim, type MetricSet, type RegisteredMetric, release } from './registry';

/** Exports the connections of an application. Its settings are the defaults of instrumented DataSources. */
export interface RunHost {
  readonly registry: MetricsRegistry;
  readonly naming: MetricNaming;
  /** Returns the exported DataSources whose runs are recorded. */
  exported(): Iterable<readonly [alias: string, source: ShownRuns]>;
}

/** A DataSource whose runs are recorded. */
export interface ShownRuns {
  readonly runs: RunTotals;
  /** The hosts that export it or have exported it. */
  readonly hosts: ReadonlySet<RunHost>;
  /** Returns the metrics in which a host shows the runs; `undefined` if they have another registry. */
  metricsAt(host: RunHost): RunMetrics | undefined;
  /** Returns the label `connection`, with or without a host's alias. */
  labelFor(alias?: string): string;
}

const known = new WeakMap<MetricsRegistry, Map<string, RunMetrics>>();

/**
 * The run metrics of one set of names in one registry. They show the DataSources of their hosts, and
 * instrumented DataSources that no host exports. They are registered while they have anything to show.
 */
export class RunMetrics implements MetricSet {
  readonly isClosing = false;
  private readonly hosts = new Set<RunHost>();
  private readonly sources = new Set<ShownRuns>();
  /** The runs of DataSources that were garbage-collected, by the label `connection`. */
  private readonly past = new Map<string, RunTotals>();
  private made: readonly RegisteredMetric[] | undefined;
  private scrape: ReadonlyMap<string, RunTotals> | undefined;

  private constructor(
    readonly registry: MetricsRegistry,
    private readonly names: Readonly<Record<MetricKey, string>>,
  ) {}

  static of(registry: MetricsRegistry, naming: MetricNaming): RunMetrics {
    let byFamily = known.get(registry);
    if (byFamily === undefined) known.set(registry, (byFamily = new Map<string, RunMetrics>()));
    const family = familyOf(naming);
    let metrics = byFamily.get(family);
    if (metrics === undefined)
      byFamily.set(family, (metrics = new RunMetrics(registry, metricNames(naming))));
    return metrics;
  }

  get key(): string {
    return this.names[RUN_METRICS.duration.key];
  }

  get description(): string {
    return `"${this.key}"`;
  }

  /**
   * Shows the DataSources of a host, and registers again what was cleared.
   *
   * @throws {@link RegistryInUseError} if the registry already holds another metric with one of the names
   */
  addHost(host: RunHost): void {
    claim(this);
    this.hosts.add(host);
  }

  removeHost(host: RunHost): void {
    this.hosts.delete(host);
    this.releaseIfEmpty();
  }

  /** Shows a DataSource while no host exports it. */
  addSource(source: ShownRuns): void {
    claim(this);
    this.sources.add(source);
  }

  removeSource(source: ShownRuns): void {
    this.sources.delete(source);
    this.releaseIfEmpty();
  }

  /** Keeps the totals of a DataSource that was garbage-collected, and drops the rest. */
  retire(source: ShownRuns): void {
    addTo(this.past, source.labelFor(), source.runs);
    this.sources.delete(source);
  }

  private releaseIfEmpty(): void {
    if (this.hosts.size + this.sources.size + this.past.size === 0) release(this);
  }

  /** Computed at each scrape, so that neither `resetMetrics()` nor another registry loses a run. */
  readonly metrics = (): readonly RegisteredMetric[] => {
    return (this.made ??= [this.duration(), this.inProgress(), this.last()]);
  };

  private duration(): RegisteredMetric {
    const { Histogram } = clientOf(this.registry);
    const configuration = this.configuration('duration');
    const { name, help, aggregator } = configuration;
    const histogram = new Histogram({ ...configuration, buckets: [...RUN_METRICS.duration.buckets] });
    // A client's histogram accepts single observations only, not totals.
    const get = () =>
      Promise.resolve({ name, help, aggregator, type: 'histogram', values: samplesOf(name, this.totals()) });
    return Object.assign(histogram, { get, getForPromString: get }) as RegisteredMetric;
  }

  private inProgress(): RegisteredMetric {
    const { value } = RUN_METRICS.inProgress;
    return this.gauge('inProgress', (totals) => [[{}, value(totals)]]);
  }

  private last(): RegisteredMetric {
    const { values } = RUN_METRICS.last;
    return this.gauge('last', (totals) => values(totals).map(([outcome, at]) => [{ outcome }, at]));
  }

  private gauge(
    row: keyof typeof RUN_METRICS,
    samples: (totals: RunTotals) => readonly (readonly [labels: Readonly<Record<string, string>>, number])[],
  ): RegisteredMetric {
    const totals = () => this.totals();
    const { Gauge } = clientOf(this.registry);
    const gauge = new Gauge({
      ...this.configuration(row),
      collect() {
        this.reset();
        for (const [connection, runs] of totals()) {
          for (const [labels, value] of samples(runs)) this.set({ connection, ...labels }, value);
        }
      },
    });
    return gauge as RegisteredMetric;
  }

  private configuration(row: keyof typeof RUN_METRICS) {
    const { key, help, aggregator, ...rest } = RUN_METRICS[row];
    const labelNames = ['connection', ...('labelNames' in rest ? rest.labelNames : [])];
    return { name: this.names[key], help, aggregator, labelNames, registers: [] as [] };
  }

  /**
   * Returns the totals of the current scrape, shared by the three metrics collected in one turn of the event
   * loop.
   */
  private totals(): ReadonlyMap<string, RunTotals> {
    if (this.scrape === undefined) {
      this.scrape = this.addUp();
      void Promise.resolve().then(() => (this.scrape = undefined));
    }
    return this.scrape;
  }

  /** Sums the runs by the label `connection`, each DataSource once even if several hosts show it. */
  private addUp(): ReadonlyMap<string, RunTotals> {
    const totals = new Map<string, RunTotals>();
    for (const [connection, runs] of this.past) addTo(totals, connection, runs);
    const shown = new Set<ShownRuns>();
    for (const host of this.hosts) {
      for (const [alias, source] of host.exported()) {
        if (shown.has(source) || source.metricsAt(host) !== this) continue;
        shown.add(source);
        addTo(totals, source.labelFor(alias), source.runs);
      }
    }
    const hosted = hostedOf(this.sources);
    for (const source of this.sources) {
      if (!hosted.has(source)) addTo(totals, source.labelFor(), source.runs);
    }
    return totals;
  }
}

/** Returns the sources that a host shows in any registry. It iterates each host once, not once per source. */
function hostedOf(sources: ReadonlySet<ShownRuns>): ReadonlySet<ShownRuns> {
  const hosts = new Set<RunHost>();
  for (const source of sources) for (const host of source.hosts) hosts.add(host);
  const hosted = new Set<ShownRuns>();
  for (const host of hosts) {
    for (const [, source] of host.exported()) if (source.metricsAt(host) !== undefined) hosted.add(source);
  }
  return hosted;
}

/** Builds the samples of a histogram as both clients do: buckets, sum and count for each set of labels. */
function samplesOf(name: string, totals: ReadonlyMap<string, RunTotals>) {
  return [...totals].flatMap(([connection, { ended }]) =>
    // Both outcomes from the start, so that increase() sees the first run.
    RUN_OUTCOMES.flatMap((outcome) => {
      const labels = { connection, outcome };
      const { buckets, count, seconds } = ended[outcome];
      let atMost = 0;
      return [
        ...RUN_BUCKETS.map((le, index) => ({
          labels: { le, ...labels },
          value: (atMost += buckets[index] ?? 0),
          metricName: `${name}_bucket`,
        })),
        { labels: { le: '+Inf', ...labels }, value: count, metricName: `${name}_bucket` },
        { labels, value: seconds, metricName: `${name}_sum` },
        { labels, value: count, metricName: `${name}_count` },
      ];
    }),
  );
}
