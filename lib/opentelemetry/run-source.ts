import type { Meter } from '../options/option.types';
import type { MetricNaming } from '../metrics/metric.names';
import type { RecordedRuns, RunListener } from '../runs/recorded-runs';
import type { RunOutcome } from '../runs/totals';
import { Instruments } from './instruments';

/** Exports connections on a meter. Its settings are the defaults of instrumented DataSources. */
export interface MeterHost {
  readonly meter: Meter;
  readonly naming: MetricNaming;
}

/** The meter and names that an instrumented DataSource sets itself. */
export interface MeterPlace extends MetricNaming {
  readonly meter?: Meter | undefined;
}

/** Limit of runs kept until there is a meter: runs of `migrationsRun: true` end before bootstrap. */
const MOST_EARLY = 100;

/** Shows the runs of one DataSource on the meters of its hosts, or else on its own meter. */
export class MeterRunSource implements RunListener {
  /** The hosts that export it, with its alias there. */
  readonly hosts = new Map<MeterHost, string>();
  private own: Instruments | undefined;
  private place: MeterPlace = {};
  private readonly early: (readonly [outcome: RunOutcome, seconds: number])[] = [];

  private constructor(readonly recorded: RecordedRuns) {
    recorded.listeners.add(this);
  }

  static of(recorded: RecordedRuns): MeterRunSource {
    let source = sources.get(recorded);
    if (source === undefined) sources.set(recorded, (source = new MeterRunSource(recorded)));
    return source;
  }

  /**
   * @param place - the DataSource's own settings; a host provides the rest
   * @param own - shows the runs while no host exports the DataSource
   */
  configure(place: MeterPlace, own: Instruments | undefined): void {
    this.place = place;
    this.own = own;
    this.show();
  }

  addHost(host: MeterHost, alias: string): void {
    if (this.hosts.get(host) === alias) return;
    this.hosts.set(host, alias);
    this.show();
  }

  removeHost(host: MeterHost): void {
    this.hosts.delete(host);
    this.show();
  }

  /** Returns the label `connection` of the runs on a meter; `undefined` if they are not shown there. */
  labelAt(instruments: Instruments): string | undefined {
    return this.targets().get(instruments);
  }

  alias(): string | undefined {
    for (const [host, alias] of this.hosts) if (this.at(host) !== undefined) return alias;
    return undefined;
  }

  ended(outcome: RunOutcome, seconds: number): void {
    const targets = this.targets();
    if (targets.size === 0 && this.early.length < MOST_EARLY) this.early.push([outcome, seconds]);
    for (const [instruments, connection] of targets) instruments.recordRun(seconds, { connection, outcome });
  }

  retired(): void {
    for (const [instruments, connection] of this.targets()) instruments.retire(this, connection);
  }

  /** Adds the runs to the instruments, and records those that ended before. */
  private show(): void {
    const targets = this.targets();
    for (const instruments of targets.keys()) instruments.addRuns(this);
    if (targets.size === 0) return;
    for (const [outcome, seconds] of this.early.splice(0)) this.ended(outcome, seconds);
  }

  /** Returns the instruments that show the runs, each with the label `connection`. */
  private targets(): ReadonlyMap<Instruments, string> {
    const targets = new Map<Instruments, string>();
    for (const [host, alias] of this.hosts) {
      const instruments = this.at(host);
      if (instruments !== undefined) targets.set(instruments, this.recorded.labelFor(alias));
    }
    if (targets.size === 0 && this.own !== undefined) targets.set(this.own, this.recorded.labelFor());
    return targets;
  }

  private at({ meter, naming }: MeterHost): Instruments | undefined {
    const { namespace = naming.namespace, prefix = naming.prefix } = this.place;
    const { meter: given = meter } = this.place;
    return given === meter ? Instruments.of(meter, { namespace, prefix }) : undefined;
  }
}

const sources = new WeakMap<RecordedRuns, MeterRunSource>();
