import { Logger } from '@nestjs/common';
import * as fc from 'fast-check';
import { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MigrationsExporter } from '../../../lib';
import type { Collection, Flight } from '../../../lib/migration/reader';
import type { Monitor } from '../../../lib/monitor/monitor';
import type { BoundedPlaces } from '../../../lib/monitor/places';
import type { Snapshot } from '../../../lib/monitor/snapshots';
import { ExporterParts } from '../../../lib/prometheus/exporter-parts';
import { fakeClock, realClock } from '../../support/clock';
import { readingsOf, samples } from '../../support/exposition';
import { RecordingLogger } from '../../support/logs';
import { type Condition, SimulatedDatabase } from '../../support/simulated-database';

const TIMEOUT = 1000;
/** Milliseconds by which an answer outlasts the collections that time out with it, and those that follow them. */
const OVERDUE_FIRST = 20;
const ALIASES = ['a', 'b', 'c', 'd'] as const;
/** The longest that a connection which was lost is not tried again. */
const PATIENCE = 10 * 2 ** 4 * TIMEOUT;

type Alias = (typeof ALIASES)[number];
type Command =
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'scrape' | 'export' | 'close' }
  | { readonly do: 'export one'; readonly alias: Alias; readonly database: number }
  | { readonly do: 'forget'; readonly alias: Alias }
  | { readonly do: 'become'; readonly database: number; readonly condition: Condition }
  | { readonly do: 'delay'; readonly database: number; readonly ms: number }
  | { readonly do: 'record'; readonly database: number; readonly rows: number };

interface Setting {
  readonly concurrency: number;
  readonly maxAge: number;
  /** Whether each database's driver has a pool. */
  readonly pooled: readonly boolean[];
}

const database = fc.nat({ max: 3 });
const alias: fc.Arbitrary<Alias> = fc.constantFrom(...ALIASES);
const ms = fc.constantFrom(0, 1, 20, 300, 900, 1000, 1100, 3000, 11_000, 11_000);
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('wait' as const), ms }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('scrape' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('export' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('export one' as const), alias, database }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), alias }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('become' as const),
      database,
      condition: fc.constantFrom<Condition>('well', 'down', 'hangs', 'hangs', 'uninitialized'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('delay' as const),
      database,
      ms: fc.constantFrom(0, 10, 600, 1200),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('record' as const), database, rows: fc.nat(5) }) },
);
const setting: fc.Arbitrary<Setting> = fc.record({
  concurrency: fc.integer({ min: 1, max: 4 }),
  maxAge: fc.constantFrom(0, 500),
  pooled: fc.array(fc.boolean(), { minLength: 1, maxLength: 3 }),
});

/** What may be logged of a connection after what: one line at each fall, and one at each recovery. */
const SUCCESSORS: Readonly<Record<string, readonly string[]>> = {
  ':': ['could not'],
  'could not': ['readable again'],
  'readable again': ['could not'],
};

function rowsOf(collection: Collection | undefined): number {
  return collection?.status === 'read' ? collection.state.applied.length : -1;
}

/** An application whose databases do what a schedule says, and what must hold whatever they do. */
class World {
  readonly registry = new Registry();
  readonly logger = new RecordingLogger();
  readonly exporter: MigrationsExporter;
  readonly monitor: Monitor;
  readonly databases: readonly SimulatedDatabase[];
  private readonly forgotten = new Set<string>();
  /** What was logged last, by alias. */
  private readonly logged = new Map<string, string>();
  private isClosed = false;
  /** Scrapes and exports that have not been answered. */
  private waiting = 0;
  /** Of the scrape that began last. */
  private refreshed: Promise<readonly Snapshot[]> = Promise.resolve([]);

  constructor(private readonly setting: Setting) {
    Logger.overrideLogger(this.logger);
    this.databases = setting.pooled.map((hasPool) => new SimulatedDatabase(hasPool));
    for (const each of this.databases) each.onStatement = () => this.checkBounds();
    const dataSources: Record<string, DataSource> = {};
    this.databases
      .slice(0, 2)
      .forEach(({ dataSource }, index) => (dataSources[ALIASES[index] ?? ''] = dataSource));
    const { concurrency, maxAge } = setting;
    const parts = ExporterParts.of({
      registry: this.registry,
      dataSources,
      concurrency,
      maxAge,
      timeout: TIMEOUT,
    });
    this.exporter = new MigrationsExporter(parts);
    const monitor = (this.monitor = parts.monitor);
    const refresh = monitor.refresh.bind(monitor);
    monitor.refresh = () => (this.refreshed = refresh());
  }

  async run(commands: readonly Command[]): Promise<void> {
    await this.apply({ do: 'export' });
    for (const each of commands) {
      await this.apply(each);
      await vi.advanceTimersByTimeAsync(each.do === 'wait' ? each.ms : 0);
      this.checkBounds();
      this.checkLog();
    }
    await this.recover();
    await this.end();
  }

  private async apply(each: Command): Promise<void> {
    const byIndex = (index: number) => this.databases[index % this.databases.length] as SimulatedDatabase;
    switch (each.do) {
      case 'wait':
        return;
      case 'scrape':
        return this.track(this.scrape(), TIMEOUT);
      case 'export':
        return this.track(this.exporter.exportMigrations(), 2 * TIMEOUT);
      case 'export one': {
        const one = byIndex(each.database);
        // Aliases of others may change hands: what is logged of them begins anew.
        if (this.ofAlias(each.alias) !== one) this.logged.clear();
        this.forgotten.delete(each.alias);
        const reading = this.exporter.exportMigrationsForDatabase(each.alias, one.dataSource);
        return this.track(this.checkReading(performance.now(), one, reading), 2 * TIMEOUT);
      }
      case 'forget':
        this.exporter.forgetDatabase(each.alias);
        this.forgotten.add(each.alias);
        this.logged.delete(each.alias);
        return;
      case 'close':
        this.isClosed = true;
        this.exporter.close();
        return;
      case 'become':
        return byIndex(each.database).become(each.condition);
      case 'delay':
        byIndex(each.database).delay = each.ms;
        return;
      case 'record':
        byIndex(each.database).rows = each.rows;
    }
  }

  /** Whatever is asked is answered in time; nobody waits for that here. */
  private track(answer: Promise<unknown>, within: number): void {
    const startedAt = performance.now();
    this.waiting += 1;
    void answer.then(() => {
      this.waiting -= 1;
      this.check(performance.now() - startedAt <= within + OVERDUE_FIRST, 'answers in time');
    }, this.fail);
  }

  private async scrape(): Promise<void> {
    const wasClosed = this.isClosed;
    const startedAt = performance.now();
    // Those that have begun by now are joined: their answers may be older than the scrape.
    const joined = new Set(this.databases.map((each) => this.flightOf(each)));
    const exposition = this.registry.metrics();
    const { refreshed } = this;
    if (!wasClosed) this.checkSnapshots(startedAt, joined, await refreshed);
    const text = await exposition;
    if (wasClosed) {
      this.check(samples(text).size === 0, 'nothing in the registry once it is closed');
      return;
    }
    for (const { connection, collection } of await refreshed) {
      const { applied_total, collection_success } = readingsOf(text, connection);
      const rows = rowsOf(collection);
      const isShown = applied_total === rows && collection_success === (rows === -1 ? 0 : 1);
      this.check(isShown, `${connection} shows what was read`);
    }
  }

  private checkSnapshots(
    startedAt: number,
    joined: ReadonlySet<Flight | undefined>,
    snapshots: readonly Snapshot[],
  ): void {
    for (const { connection, collection } of snapshots) {
      this.check(!this.forgotten.has(connection), `${connection} is forgotten`);
      const database = this.ofAlias(connection);
      if (database === undefined) continue;
      if (collection?.status === 'read')
        this.checkFigure(database, collection, collection.state.applied.length);
      if (collection === undefined || this.isClosed) continue;
      const isFresh = collection.startedAt >= startedAt - this.setting.maxAge;
      const isJoined = [...joined].some((flight) => flight?.collection === collection);
      const isWaitedFor = this.flightOf(database) !== undefined;
      this.check(isFresh || isJoined || isWaitedFor, `${connection} is older than maxAge`);
      const hangs = [...database.statements].some(
        ({ sentAt }) => sentAt > collection.startedAt && performance.now() - sentAt > TIMEOUT,
      );
      this.check(!hangs || collection.status === 'failed', `${connection} hangs, and reads well`);
    }
  }

  private async checkReading(
    startedAt: number,
    database: SimulatedDatabase,
    reading: ReturnType<MigrationsExporter['exportMigrationsForDatabase']>,
  ): Promise<void> {
    const answer = await reading;
    if (answer.status === 'failed') return;
    const rows = answer.state.applied.length;
    this.check(database.had(rows, startedAt, performance.now()), 'an export reads what is there now');
  }

  private checkFigure(
    database: SimulatedDatabase,
    { startedAt, durationSeconds }: { startedAt: number; durationSeconds: number },
    rows: number,
  ): void {
    const wasTrue = database.had(rows, startedAt, startedAt + durationSeconds * 1000);
    this.check(wasTrue, `${rows} rows were there when they were read`);
  }

  private checkBounds(): void {
    const underWay = this.databases.map(({ statements }) => statements.size);
    const all = underWay.reduce((sum, each) => sum + each, 0);
    this.check(all <= this.setting.concurrency, `${all} statements under way`);
    this.check(Math.max(...underWay) <= 2, `${Math.max(...underWay)} statements of one DataSource`);
    const isInTheWay = this.databases.some(
      ({ clients, statements }) =>
        clients.length > 0 && [...statements].some(({ sentAt }) => performance.now() - sentAt > TIMEOUT),
    );
    this.check(this.places.queue.size === 0 || !isInTheWay, 'what could be let go is in the way');
    const open = this.databases.reduce((sum, { clients }) => sum + clients.length, 0);
    this.check(open <= this.setting.concurrency + 1, `${open} connections open`);
  }

  /** Warns once at each fall, and tells once of each recovery. */
  private checkLog(): void {
    for (const line of this.logger.lines.splice(0)) {
      const [, name = '', what] = /^\w+ ([\w#]+): migrations ?(could not|readable again|:)/.exec(line) ?? [];
      if (what === undefined) continue;
      const before = this.logged.get(name);
      const isAllowed = before === undefined || SUCCESSORS[before]?.includes(what) === true;
      this.check(isAllowed, `log of ${name}: "${before}", "${what}"`);
      this.logged.set(name, what);
    }
  }

  /** All databases are well again: they are read without help, and nothing is left behind. */
  private async recover(): Promise<void> {
    for (const each of this.databases) {
      each.delay = 0;
      each.become('well');
    }
    await vi.advanceTimersByTimeAsync(PATIENCE);
    if (this.isClosed) return;
    for (let scrape = 0; scrape < 2; scrape += 1) {
      this.track(this.scrape(), TIMEOUT);
      await vi.advanceTimersByTimeAsync(TIMEOUT);
    }
    for (const { connection, collection } of await this.refreshed)
      this.check(rowsOf(collection) === this.ofAlias(connection)?.rows, `${connection} recovers`);
  }

  private async end(): Promise<void> {
    this.exporter.close();
    await vi.advanceTimersByTimeAsync(TIMEOUT);
    this.check(this.registry.getMetricsAsArray().length === 0, 'nothing in the registry at the end');
    this.check(this.waiting === 0, `${this.waiting} are not answered`);
    const { holders, queue } = this.places;
    this.check(holders.size + queue.size === 0, 'no place is held');
    const left = this.databases.reduce((sum, { statements }) => sum + statements.size, 0);
    this.check(left === 0, `${left} statements at the end`);
    await vi.advanceTimersByTimeAsync(TIMEOUT);
    this.check(vi.getTimerCount() === 0, `${vi.getTimerCount()} timers at the end`);
  }

  private ofAlias(name: string): SimulatedDatabase | undefined {
    const dataSource = this.monitor['selection'].known.get(name);
    return this.databases.find((each) => each.dataSource === dataSource);
  }

  private flightOf({ dataSource }: SimulatedDatabase): Flight | undefined {
    const readers = this.monitor['readers'];
    return readers.get(dataSource)?.['current'];
  }

  private get places(): { holders: Set<unknown>; queue: Set<unknown> } {
    const places: BoundedPlaces = this.monitor['places'];
    return { holders: places['holders'], queue: places['queue'] };
  }

  private readonly violations: string[] = [];
  private check(holds: boolean, what: string): void {
    if (!holds) this.violations.push(`${performance.now()} ms: ${what}`);
  }
  private readonly fail = (error: unknown) => {
    this.violations.push(String(error));
  };
  get found(): readonly string[] {
    return this.violations;
  }
}

beforeEach(fakeClock);
afterEach(() => {
  realClock();
  Logger.overrideLogger(undefined as never);
});

describe('the monitor, whatever databases do and whoever asks', () => {
  it('keeps its bounds, shows nothing false, and leaves nothing behind', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(setting, fc.array(command, { maxLength: 40 }), async (settings, commands) => {
        const world = new World(settings);
        await world.run(commands);
        expect(world.found).toEqual([]);
      }),
      { numRuns: Number(process.env['RUNS'] ?? 300) },
    );
  });
});

describe('the monitor', () => {
  /** Two databases, of which one is slow, or hangs. */
  const run = async (settings: Partial<Setting>, ...commands: readonly Command[]) => {
    const world = new World({ concurrency: 4, maxAge: 0, pooled: [true, true], ...settings });
    await world.run(commands);
    expect(world.found).toEqual([]);
  };
  const wait = (milliseconds: number): Command => ({ do: 'wait', ms: milliseconds });
  const become = (condition: Condition, which = 0): Command => ({
    do: 'become',
    database: which,
    condition,
  });
  const scrape: Command = { do: 'scrape' };

  it('shows each scrape the connections as they are then, though a neighbour is slow', () =>
    run(
      {},
      { do: 'delay', database: 1, ms: 900 },
      scrape,
      wait(100),
      { do: 'record', database: 0, rows: 3 },
      scrape,
      wait(300),
      { do: 'record', database: 0, rows: 2 },
      scrape,
      wait(3000),
    ));

  it('tries a connection again though all that were tried had to make room', () =>
    run(
      { concurrency: 1 },
      become('hangs'),
      scrape,
      wait(1100),
      scrape,
      wait(11_000),
      scrape,
      wait(1100),
      scrape,
      wait(1100),
      scrape,
      wait(1100),
    ));

  it('asks a database that hangs twice at most, whoever gives up meanwhile', () =>
    run(
      { pooled: [false, false] },
      become('hangs'),
      ...Array.from({ length: 6 }, () => [
        scrape,
        wait(11_000),
        { do: 'forget', alias: 'a' } as const,
        { do: 'export one', alias: 'a', database: 0 } as const,
        wait(11_000),
      ]).flat(),
    ));

  it('does not show what it knew of a connection before that was forgotten', () =>
    run(
      {},
      { do: 'delay', database: 1, ms: 900 },
      scrape,
      wait(1000),
      { do: 'forget', alias: 'a' },
      { do: 'record', database: 0, rows: 1 },
      wait(3000),
      scrape,
      wait(700),
      // While the scrape waits for the other one.
      { do: 'delay', database: 0, ms: 600 },
      { do: 'export one', alias: 'a', database: 0 },
      wait(3000),
    ));

  it('lets go of the connection of what is forgotten', async () => {
    const database = new SimulatedDatabase(true);
    const exporter = new MigrationsExporter({ registry: new Registry(), timeout: TIMEOUT });
    database.become('hangs');
    const reading = exporter.exportMigrationsForDatabase('a', database.dataSource);
    await vi.advanceTimersByTimeAsync(100);
    exporter.forgetDatabase('a');
    expect([database.statements.size, database.clients.length]).toEqual([0, 0]);
    expect(await reading).toMatchObject({ status: 'failed' });
    exporter.close();
  });
});
