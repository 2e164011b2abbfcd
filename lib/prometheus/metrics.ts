import { type MetricNaming, metricNames } from '../metrics/metric.names';
import { COLLECTION_ERRORS, DRIFT_GAUGES, MIGRATION_GAUGES } from '../metrics/metric.table';
import type { Monitor } from '../monitor/monitor';
import type { Snapshot } from '../monitor/snapshots';
import type { MetricsRegistry } from '../options/option.types';
import { clientOf } from './client';
import { claim, countScrape, type MetricSet, type RegisteredMetric, release } from './registry';
import { RunExport } from './run-export';

/** The metrics of one monitor in a registry, from the first export until they are withdrawn. */
export class MigrationMetrics implements MetricSet {
  readonly key: string;
  readonly description: string;
  isClosing = false;
  private isWithdrawn = false;
  private made: readonly RegisteredMetric[] | undefined;
  private readonly runs: RunExport;
  /** The snapshots of the current scrape, shared by all metrics collected in one turn of the event loop. */
  private scrape: Promise<readonly Snapshot[]> | undefined;

  constructor(
    readonly registry: MetricsRegistry,
    private readonly naming: MetricNaming & { readonly drift?: unknown },
    private readonly monitor: Monitor,
  ) {
    this.key = metricNames(naming).applied;
    this.description = `"${this.key.replace(/_applied_total$/, '_*')}"`;
    this.runs = new RunExport(registry, naming, monitor);
  }

  /**
   * Registers the metrics, also again if the registry was cleared.
   *
   * @throws {@link RegistryInUseError} if the registry already holds one of the names
   */
  publish(): void {
    if (this.isWithdrawn || this.isClosing) return;
    claim(this);
    this.runs.publish();
  }

  /** Unregisters the metrics for good. */
  withdraw(): void {
    this.isWithdrawn = true;
    release(this);
    this.runs.withdraw();
  }

  /**
   * Each metric has its own `collect`, and all of one scrape await the same refresh. If one metric filled the
   * others, they could lag a scrape behind.
   */
  readonly metrics = (): readonly RegisteredMetric[] => {
    return (this.made ??= [...this.gauges(), this.collectionErrors()]);
  };

  private gauges(): RegisteredMetric[] {
    const names = metricNames(this.naming);
    const refresh = () => this.refresh();
    const { Gauge } = clientOf(this.registry);
    const rows = this.naming.drift === undefined ? MIGRATION_GAUGES : [...MIGRATION_GAUGES, ...DRIFT_GAUGES];
    return rows.map(({ key, help, aggregator, labelNames = [], labels, value }) => {
      const gauge = new Gauge({
        name: names[key],
        help,
        aggregator,
        labelNames: ['connection', ...labelNames],
        registers: [],
        async collect() {
          const snapshots = await refresh();
          this.reset();
          for (const snapshot of snapshots) {
            const current = value(snapshot);
            if (current === undefined) continue;
            this.set({ connection: snapshot.connection, ...labels?.(snapshot) }, current);
          }
        },
      });
      return gauge as RegisteredMetric;
    });
  }

  /** The monitor keeps the counts, so that neither `resetMetrics()` nor another owner can lose a failure. */
  private collectionErrors(): RegisteredMetric {
    const refresh = () => this.refresh();
    const { Counter } = clientOf(this.registry);
    const { key, help, aggregator, labelNames, values } = COLLECTION_ERRORS;
    const counter = new Counter({
      name: metricNames(this.naming)[key],
      help,
      aggregator,
      labelNames: ['connection', ...labelNames],
      registers: [],
      async collect() {
        const snapshots = await refresh();
        this.reset();
        for (const snapshot of snapshots) {
          const { connection } = snapshot;
          for (const [reason, count] of values(snapshot)) this.inc({ connection, reason }, count);
        }
      },
    });
    return counter as RegisteredMetric;
  }

  private refresh(): Promise<readonly Snapshot[]> {
    if (this.scrape === undefined) {
      this.scrape = this.monitor.refresh();
      countScrape(this.registry);
      // Lazily loaded modules add DataSources. Their runs are shown from the next scrape on.
      if (!this.isWithdrawn && !this.isClosing) this.runs.update();
      // Not a timer: with fake timers in a test, this scrape's figures would stay for ever.
      void Promise.resolve().then(() => (this.scrape = undefined));
    }
    return this.scrape;
  }
}
