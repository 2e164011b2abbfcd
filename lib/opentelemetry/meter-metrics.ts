import type { MetricNaming } from '../metrics/metric.names';
import type { MetricsOutlet } from '../metrics/outlet';
import type { Monitor } from '../monitor/monitor';
import type { Snapshot } from '../monitor/snapshots';
import type { Meter } from '../options/option.types';
import { recordedOf } from '../runs/recorded-runs';
import { Instruments, type MeterOwner } from './instruments';
import { type MeterHost, MeterRunSource } from './run-source';

/** The metrics of one monitor on a meter, from the first export until they are withdrawn. */
export class MeterMetrics implements MetricsOutlet, MeterOwner {
  isClosing = false;
  private isWanted = false;
  private isWithdrawn = false;
  private host: MeterHost | undefined;
  private hosted: ReadonlySet<MeterRunSource> = new Set();

  /** @param find - called once, by {@link MeterMetrics.open} */
  constructor(
    private readonly find: () => Meter,
    private readonly naming: MetricNaming,
    private readonly monitor: Monitor,
  ) {}

  /**
   * Gets the meter, whose SDK is started by now.
   *
   * @throws {@link InvalidOptionError} if there is no meter
   */
  open(): void {
    this.host ??= { meter: this.find(), naming: this.naming };
    if (this.isWanted) this.publish();
  }

  publish(): void {
    this.isWanted = true;
    if (this.host === undefined || this.isClosing || this.isWithdrawn) return;
    Instruments.of(this.host.meter, this.naming).claim(this);
    this.updateRuns(this.host);
  }

  withdraw(): void {
    this.isWithdrawn = true;
    if (this.host === undefined) return;
    Instruments.of(this.host.meter, this.naming).release(this);
    for (const source of this.hosted) source.removeHost(this.host);
    this.hosted = new Set();
  }

  collect(): Promise<readonly Snapshot[]> {
    const refreshed = this.monitor.refresh();
    // Lazily loaded modules add DataSources, whose runs must be shown too.
    this.publish();
    return refreshed;
  }

  private updateRuns(host: MeterHost): void {
    const hosted = new Set<MeterRunSource>();
    for (const [alias, dataSource] of this.monitor.exported) {
      const recorded = recordedOf(dataSource);
      if (recorded === undefined) continue;
      const source = MeterRunSource.of(recorded);
      source.addHost(host, alias);
      hosted.add(source);
    }
    for (const before of this.hosted) if (!hosted.has(before)) before.removeHost(host);
    this.hosted = hosted;
  }
}
