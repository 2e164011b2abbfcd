import type { Meter } from '../options/option.types';
import type { MetricNaming } from '../metrics/metric.names';
import type { RecordedRuns, RunListener } from '../runs/recorded-runs';
import type { RunOutcome } from '../runs/totals';
import { Instruments } from './instruments';

/** Exports connections on a meter; what an instrumented DataSource leaves open, it decides. */
export interface MeterHost {
  readonly meter: Meter;
  readonly naming: MetricNaming;
}

/** What an instrumented DataSource says of its own accord of where its runs are shown. */
export interface MeterPlace extends MetricNaming {
  readonly meter?: Meter | undefined;
}

/** Runs that are kept until a meter is there. The run of `migrationsRun: true` ends before bootstrap. */
const MOST_EARLY = 100;

/** Shows the runs of one DataSource: on the meters of those that export it, or else on its own. */
export class MeterRunSource implements RunListener {
  /** Those that export it, with the alias that it has there. */
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
   * @param place - what was given; a host decides the rest
   * @param own - where the runs are shown as long as no host exports the DataSource
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

  /** The label `connection` of the runs on a meter; `undefined` if they are not shown there. */
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

  /** Tells the instruments that the runs are there, and records those that ended before. */
  private show(): void {
    const targets = this.targets();
    for (const instruments of targets.keys()) instruments.addRuns(this);
    if (targets.size === 0) return;
    for (const [outcome, seconds] of this.early.splice(0)) this.ended(outcome, seconds);
  }

  /** The label `connection` by where the runs are shown. */
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
