import { logger, nameOfError } from '../logger';
import { familyOf, type MetricNaming, metricNames } from '../metrics/metric.names';
import { COLLECTION_ERRORS, DRIFT_GAUGES, MIGRATION_GAUGES, RUN_METRICS } from '../metrics/metric.table';
import { FAILURE_REASONS } from '../migration/failure';
import type { Snapshot } from '../monitor/snapshots';
import type { Meter } from '../options/option.types';
import { addTo, type RunOutcome, type RunTotals } from '../runs/totals';
import { type Attributes, GaugeSeries } from './series';

/** The owner of the observed connections. */
export interface MeterOwner {
  readonly isClosing: boolean;
  /** Resolves within the timeout and never rejects. */
  collect(): Promise<readonly Snapshot[]>;
}

/** Runs of one DataSource. */
export interface ShownRuns {
  readonly recorded: { readonly totals: RunTotals };
  /** The label `connection` on these instruments; `undefined` if the runs are shown elsewhere. */
  labelAt(instruments: Instruments): string | undefined;
}

type Samples = readonly (readonly [attributes: Attributes, value: number])[];
type Observe = (instrument: object, value: number, attributes: Attributes) => void;

/** Number of series that the SDK keeps for one instrument, unless a view sets another. */
const SDK_LIMIT = 2000;

/**
 * The instruments of one set of names on one meter. One callback observes all of them, for the newest owner.
 * The callback stays on the meter for good, so that closed connections become `NaN` instead of keeping an old
 * figure.
 */
export class Instruments {
  private readonly owners: MeterOwner[] = [];
  private readonly runs = new Set<ShownRuns>();
  /** The runs of DataSources that were garbage-collected, by the label `connection`. */
  private readonly past = new Map<string, RunTotals>();
  private readonly gauges: readonly (GaugeInstrument & (typeof MIGRATION_GAUGES)[number])[];
  private readonly errors: object;
  private readonly inProgress: GaugeInstrument;
  private readonly last: GaugeInstrument;
  private readonly duration: ReturnType<Meter['createHistogram']>;
  private readonly connections = new Set<string>();
  private wasWarned = { owners: false, limit: false, failure: false };

  private constructor(meter: Meter, naming: MetricNaming) {
    const names = metricNames(naming);
    const gauge = ({ key, help, unit }: Row): GaugeInstrument => ({
      series: new GaugeSeries(),
      instrument: meter.createObservableGauge(names[key], describedAs(help, unit)),
    });
    this.gauges = [...MIGRATION_GAUGES, ...DRIFT_GAUGES].map((row) => ({ ...row, ...gauge(row) }));
    this.inProgress = gauge(RUN_METRICS.inProgress);
    this.last = gauge(RUN_METRICS.last);
    this.errors = meter.createObservableCounter(
      names[COLLECTION_ERRORS.key],
      describedAs(COLLECTION_ERRORS.help),
    );
    const { key, help, unit, buckets } = RUN_METRICS.duration;
    this.duration = meter.createHistogram(names[key], {
      ...describedAs(help, unit),
      // The SDK's default buckets are for milliseconds.
      advice: { explicitBucketBoundaries: [...buckets] },
    });
    this.checkRecording();
    const gauges = [...this.gauges, this.inProgress, this.last].map(({ instrument }) => instrument);
    meter.addBatchObservableCallback(
      (result: { observe: Observe }) => this.observe(result.observe.bind(result)),
      [...gauges, this.errors],
    );
  }

  static of(meter: Meter, naming: MetricNaming): Instruments {
    let byFamily = known.get(meter);
    if (byFamily === undefined) known.set(meter, (byFamily = new Map<string, Instruments>()));
    const family = familyOf(naming);
    let instruments = byFamily.get(family);
    if (instruments === undefined) byFamily.set(family, (instruments = new Instruments(meter, naming)));
    return instruments;
  }

  /** Observes the connections of this owner from now on, in place of an older owner's. */
  claim(owner: MeterOwner): void {
    if (this.owners.includes(owner)) return;
    if (this.owners.some(({ isClosing }) => !isClosing)) this.warnOnce('owners', TWO_OWNERS);
    this.owners.push(owner);
  }

  release(owner: MeterOwner): void {
    const index = this.owners.indexOf(owner);
    if (index !== -1) this.owners.splice(index, 1);
  }

  addRuns(runs: ShownRuns): void {
    this.runs.add(runs);
  }

  recordRun(seconds: number, attributes: { connection: string; outcome: RunOutcome }): void {
    this.duration.record(seconds, attributes);
  }

  /** Keeps the totals of a DataSource that was garbage-collected, and drops the rest. */
  retire(runs: ShownRuns, connection: string): void {
    this.runs.delete(runs);
    addTo(this.past, connection, runs.recorded.totals);
  }

  /** The SDK's callback. It must not throw or be late: the SDK would export the previous figures. */
  private async observe(observe: Observe): Promise<void> {
    const snapshots = await this.collect();
    const show = ({ instrument, series }: GaugeInstrument, samples: Samples) => {
      for (const { attributes, value } of series.next(samples)) observe(instrument, value, attributes);
    };
    for (const gauge of this.gauges) show(gauge, samplesOf(gauge, snapshots));
    for (const snapshot of snapshots) {
      const { connection } = snapshot;
      for (const [reason, count] of COLLECTION_ERRORS.values(snapshot))
        observe(this.errors, count, { connection, reason });
    }
    const totals = [...this.totals()];
    show(
      this.inProgress,
      totals.map(([connection, runs]) => [{ connection }, RUN_METRICS.inProgress.value(runs)]),
    );
    show(
      this.last,
      totals.flatMap(([connection, runs]) =>
        RUN_METRICS.last.values(runs).map(([outcome, at]) => [{ connection, outcome }, at] as const),
      ),
    );
    this.checkLimit(snapshots);
  }

  private async collect(): Promise<readonly Snapshot[]> {
    const owner = this.owners.findLast(({ isClosing }) => !isClosing) ?? this.owners.at(-1);
    try {
      return (await owner?.collect()) ?? [];
    } catch (error) {
      this.warnOnce('failure', `The migrations could not be observed (${nameOfError(error)}).`);
      return [];
    }
  }

  /** The totals by the label `connection`. */
  private totals(): ReadonlyMap<string, RunTotals> {
    const totals = new Map<string, RunTotals>();
    for (const [connection, runs] of this.past) addTo(totals, connection, runs);
    for (const runs of this.runs) {
      const connection = runs.labelAt(this);
      // addRuns() adds it again. Until then a forgotten DataSource costs nothing.
      if (connection === undefined) this.runs.delete(runs);
      else addTo(totals, connection, runs.recorded.totals);
    }
    return totals;
  }

  /**
   * Detects a meter from before the SDK's start: it returns the same gauge every time and records nothing.
   */
  private checkRecording(): void {
    if (this.inProgress.instrument === this.last.instrument) logger.warn(RECORDS_NOTHING);
  }

  private checkLimit(snapshots: readonly Snapshot[]): void {
    for (const { connection } of snapshots) this.connections.add(connection);
    const series = this.connections.size * FAILURE_REASONS.length;
    if (series <= SDK_LIMIT) return;
    this.warnOnce(
      'limit',
      `${this.connections.size} connections make ${series} series of the error counter, and the OpenTelemetry SDK keeps only ${SDK_LIMIT} of an ` +
        'instrument. Set aggregationCardinalityLimit in a view, or leave connections out with the option exclude.',
    );
  }

  private warnOnce(what: keyof Instruments['wasWarned'], message: string): void {
    if (this.wasWarned[what]) return;
    this.wasWarned[what] = true;
    logger.warn(message);
  }
}

interface GaugeInstrument {
  readonly instrument: object;
  readonly series: GaugeSeries;
}

type Row = Pick<(typeof MIGRATION_GAUGES)[number], 'key' | 'help' | 'unit'>;

const known = new WeakMap<Meter, Map<string, Instruments>>();

/** Omits the unit instead of using `1`: Prometheus would add `_ratio` to the name. */
function describedAs(description: string, unit?: string) {
  return unit === undefined ? { description } : { description, unit };
}

function samplesOf(
  { labels, value }: (typeof MIGRATION_GAUGES)[number],
  snapshots: readonly Snapshot[],
): Samples {
  return snapshots.flatMap((snapshot) => {
    const current = value(snapshot);
    return current === undefined
      ? []
      : [[{ connection: snapshot.connection, ...labels?.(snapshot) }, current] as const];
  });
}

const TWO_OWNERS =
  'More than one PrometheusMigrationsModule or observeMigrations() puts the same metrics on one OpenTelemetry meter: ' +
  'the newest has them until it is closed. Close the other, or set meter, prefix or namespace to another.';

const RECORDS_NOTHING =
  'The OpenTelemetry meter records nothing: it was taken before the SDK was started, or the SDK has no metric reader. ' +
  'Start the SDK first, with --import or --require, or pass a function: meter: () => metrics.getMeter("app").';
