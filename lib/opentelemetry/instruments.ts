import { logger, nameOfError } from '../logger';
import { familyOf, type MetricNaming, metricNames } from '../metrics/metric.names';
import { COLLECTION_ERRORS, DRIFT_GAUGES, MIGRATION_GAUGES, RUN_METRICS } from '../metrics/metric.table';
import { FAILURE_REASONS } from '../migration/failure';
import type { Snapshot } from '../monitor/snapshots';
import type { Meter } from '../options/option.types';
import { addTo, type RunOutcome, type RunTotals } from '../runs/totals';
import { type Attributes, GaugeSeries } from './series';

/** Whose connections are observed. */
export interface MeterOwner {
  readonly isClosing: boolean;
  /** Resolves within the time-out, and does not reject. */
  collect(): Promise<readonly Snapshot[]>;
}

/** Runs of one DataSource. */
export interface ShownRuns {
  readonly recorded: { readonly totals: RunTotals };
  /** The label `connection` here; `undefined` if they are shown elsewhere. */
  labelAt(instruments: Instruments): string | undefined;
}

type Samples = readonly (readonly [attributes: Attributes, value: number])[];
type Observe = (instrument: object, value: number, attributes: Attributes) => void;

/** Series of one instrument that the SDK keeps apart, unless a view says otherwise. */
const SDK_LIMIT = 2000;

/**
 * The instruments of one set of names on one meter. One callback observes all of them, for the newest of those that
 * publish there. It stays on the meter for good, so that what was closed is `NaN` and not a figure of the past.
 */
export class Instruments {
  private readonly owners: MeterOwner[] = [];
  private readonly runs = new Set<ShownRuns>();
  /** The runs of DataSources that nobody can use any more, by the label `connection`. */
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
      // The SDK's own buckets are for milliseconds.
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

  /** From now on the connections of this owner are observed, in place of those of an older one. */
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

  /** Keeps the runs of a DataSource that nobody can use any more, and lets go of the rest. */
  retire(runs: ShownRuns, connection: string): void {
    this.runs.delete(runs);
    addTo(this.past, connection, runs.recorded.totals);
  }

  /** The SDK's callback: if it threw or were late, the figures of before would be exported. */
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

  /** By the label `connection`. */
  private totals(): ReadonlyMap<string, RunTotals> {
    const totals = new Map<string, RunTotals>();
    for (const [connection, runs] of this.past) addTo(totals, connection, runs);
    for (const runs of this.runs) {
      const connection = runs.labelAt(this);
      // It comes back by addRuns(). Until then a DataSource that is forgotten costs nothing.
      if (connection === undefined) this.runs.delete(runs);
      else addTo(totals, connection, runs.recorded.totals);
    }
    return totals;
  }

  /** A meter that was taken before the SDK was started gives out one gauge for all, and records nothing. */
  private checkRecording(): void {
    if (this.inProgress.instrument === this.last.instrument) logger.warn(RECORDS_NOTHING);
  }

  private checkLimit(snapshots: readonly Snapshot[]): void {
    for (const { connection } of snapshots) this.connections.add(connection);
    const series = this.connections.size * FAILURE_REASONS.length;
    if (series <= SDK_LIMIT) return;
    this.warnOnce(
      'limit',
      `${this.connections.size} connections make ${series} series of the errors, and the OpenTelemetry SDK keeps ${SDK_LIMIT} of an ` +
        'instrument apart. Set aggregationCardinalityLimit in a view, or leave connections out with the option exclude.',
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

/** Without a unit rather than with `1`, of which Prometheus would make `_ratio`. */
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
