import type { MetricsRegistry } from '../options/option.types';
import { RUN_OUTCOMES, type RunHistory } from '../runs/history';
import { type Aggregator, clientOf } from './client';
import { type MetricKey, type MetricNaming, metricNames } from './names';
import { claim, type MetricSet, type RegisteredMetric, release } from './registry';

interface RunMetricRow {
  readonly key: MetricKey;
  readonly type: 'histogram' | 'gauge';
  readonly help: string;
  readonly aggregator: Aggregator;
}

/** The metrics of the runs that `instrumentMigrations` records. */
export const RUN_METRICS = {
  duration: {
    key: 'runDuration',
    type: 'histogram',
    help: 'Seconds that runs of migrations took, by outcome',
    aggregator: 'sum',
  },
  inProgress: {
    key: 'runsInProgress',
    type: 'gauge',
    help: 'Runs of migrations in progress',
    aggregator: 'sum',
  },
  last: {
    key: 'lastRun',
    type: 'gauge',
    help: 'Unix time of the end of the last run of migrations, by outcome',
    aggregator: 'max',
  },
} as const satisfies Record<string, RunMetricRow>;

/** From a run that has nothing to apply to one that rebuilds a large table: 0.1 s to 1 h. */
const BUCKETS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 1800, 3600];

/** Has runs to show under certain names in a certain registry. */
export interface RunSource {
  /** The runs that belong to these metrics, by the label `connection`. */
  runsOf(metrics: RunMetrics): Iterable<readonly [connection: string, runs: RunHistory]>;
}

const known = new WeakMap<MetricsRegistry, Map<string, RunMetrics>>();

/**
 * The metrics of runs of one set of names in one registry, shared by all who have runs to show there. They
 * are in the registry as long as there is a source.
 */
export class RunMetrics implements MetricSet {
  readonly description: string;
  readonly isClosing = false;
  private readonly sources = new Set<RunSource>();
  private made: readonly RegisteredMetric[] | undefined;

  private constructor(
    readonly registry: MetricsRegistry,
    readonly key: string,
    private readonly names: Readonly<Record<MetricKey, string>>,
  ) {
    this.description = `"${key}"`;
  }

  static of(registry: MetricsRegistry, naming: MetricNaming): RunMetrics {
    let byKey = known.get(registry);
    if (byKey === undefined) known.set(registry, (byKey = new Map<string, RunMetrics>()));
    const names = metricNames(naming);
    const key = names[RUN_METRICS.duration.key];
    let metrics = byKey.get(key);
    if (metrics === undefined) byKey.set(key, (metrics = new RunMetrics(registry, key, names)));
    return metrics;
  }

  /**
   * Adds a source, and puts back what was cleared.
   *
   * @throws {@link RegistryInUseError} if the registry holds somebody else's metric of one of the names
   */
  add(source: RunSource): void {
    claim(this);
    this.sources.add(source);
  }

  remove(source: RunSource): void {
    this.sources.delete(source);
    if (this.sources.size === 0) release(this);
  }

  /** Computed at each scrape, so that neither `resetMetrics()` nor another registry loses a run. */
  readonly metrics = (): readonly RegisteredMetric[] => {
    return (this.made ??= [this.duration(), this.inProgress(), this.last()]);
  };

  private duration(): RegisteredMetric {
    const runs = () => this.runs();
    const { Histogram } = clientOf(this.registry);
    const histogram = new Histogram({
      ...this.configuration('duration'),
      labelNames: ['connection', 'outcome'],
      buckets: BUCKETS,
      collect() {
        this.reset();
        const all = runs();
        for (const [, connection] of all) {
          // Both outcomes from the start, so that increase() sees the first run.
          for (const outcome of RUN_OUTCOMES) this.zero({ connection, outcome });
        }
        for (const [{ ended }, connection] of all) {
          for (const { outcome, seconds } of ended) this.observe({ connection, outcome }, seconds);
        }
      },
    });
    return histogram as RegisteredMetric;
  }

  private inProgress(): RegisteredMetric {
    const runs = () => this.runs();
    const { Gauge } = clientOf(this.registry);
    const gauge = new Gauge({
      ...this.configuration('inProgress'),
      labelNames: ['connection'],
      collect() {
        this.reset();
        for (const [{ inProgress }, connection] of runs()) this.inc({ connection }, inProgress);
      },
    });
    return gauge as RegisteredMetric;
  }

  private last(): RegisteredMetric {
    const runs = () => this.runs();
    const { Gauge } = clientOf(this.registry);
    const gauge = new Gauge({
      ...this.configuration('last'),
      labelNames: ['connection', 'outcome'],
      collect() {
        this.reset();
        const byEnd = [...runs()]
          .flatMap(([{ ended }, connection]) => ended.map((run) => ({ ...run, connection })))
          .sort((a, b) => a.endedAt - b.endedAt);
        for (const { connection, outcome, endedAt } of byEnd) this.set({ connection, outcome }, endedAt);
      },
    });
    return gauge as RegisteredMetric;
  }

  private configuration(row: keyof typeof RUN_METRICS) {
    const { key, help, aggregator } = RUN_METRICS[row];
    return { name: this.names[key], help, aggregator, registers: [] as [] };
  }

  /** Each DataSource once, whoever shows it. */
  private runs(): ReadonlyMap<RunHistory, string> {
    const byHistory = new Map<RunHistory, string>();
    for (const source of this.sources) {
      for (const [connection, runs] of source.runsOf(this)) {
        if (!byHistory.has(runs)) byHistory.set(runs, connection);
      }
    }
    return byHistory;
  }
}
