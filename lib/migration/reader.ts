import { clock } from '../clock';
import type { Failure } from './failure';
import type { MigrationState } from './state';

/** What one read of one connection came to. The same object is given out until a newer one is known. */
export type Collection = {
  /** Of two collections of one connection, the one with the higher number began later. */
  readonly sequence: number;
  /** When it began, in milliseconds of the monotonic clock. */
  readonly startedAt: number;
  /** Unix time in milliseconds at which it was known. */
  readonly at: number;
  readonly durationSeconds: number;
} & ({ readonly status: 'read'; readonly state: MigrationState } | ({ readonly status: 'failed' } & Failure));

/** One try to read a connection. */
export interface Attempt {
  readonly state: Promise<MigrationState>;
  /** Resolves when it holds no connection any more; never rejects. */
  readonly released: Promise<void>;
  /**
   * Closes the connection that it uses.
   *
   * @returns whether that was possible; otherwise its statement is still under way
   */
  destroy(): boolean;
}

/** Who holds a place among the statements under way, or waits for one. */
export interface PlaceHolder {
  /** Called when the place is there. */
  start(): void;
  /** Whether nobody waits for its answer any more. */
  readonly isOverdue: boolean;
  /** @returns whether its statement is under way no more */
  letGo(): boolean;
}

/** Bounds how many statements are under way at one time, over all connections. */
export interface Places {
  enter(holder: PlaceHolder): void;
  leave(holder: PlaceHolder): void;
  /** A holder has become overdue. */
  review(): void;
}

export interface ReaderOptions {
  /** Milliseconds after which a collection counts as failed. */
  readonly timeout: number;
  readonly places: Places;
  /** Begins to read the connection. */
  begin(): Attempt;
  /** Explains why an attempt failed; never throws. */
  explain(error: unknown): Failure;
  /** Called with each collection as soon as it is known. */
  onCollection(collection: Collection): void;
}

/** An unanswered collection is abandoned after so many time-outs, so that a fresh connection is tried. */
const ABANDONED_AFTER_TIMEOUTS = 10;
/** Collections that may be unanswered at one time: the one that counts, and one that was abandoned. */
const MAX_OUTSTANDING = 2;

type Result = { status: 'read'; state: MigrationState } | ({ status: 'failed' } & Failure);

const TIMED_OUT: Result = { status: 'failed', reason: 'timeout' };

let started = 0;

/**
 * Reads one connection, one collection at a time. The time-out answers those who wait, but does not
 * clear the way: a database that hangs is not asked again until it has answered or was abandoned.
 */
export class MigrationReader {
  /** The newest collection that is known. */
  latest: Collection | undefined;

  private current: Flight | undefined;
  /** Collections that the database has not answered; one whose connection was destroyed is among them. */
  private readonly outstanding = new Set<Flight>();
  /** One timer for all collections: to set and clear one for each would cost as much as a small read. */
  private alarm: NodeJS.Timeout | undefined;

  constructor(private readonly options: ReaderOptions) {}

  /**
   * The collection to wait for, if the newest is older than `maxAge` milliseconds.
   *
   * @returns `undefined` if the newest one counts
   */
  refresh(maxAge: number): Flight | undefined {
    if (this.latest !== undefined && isFresh(this.latest, maxAge)) return undefined;
    const flight = this.underWay();
    return flight.collection === undefined ? flight : undefined;
  }

  /** Whether a collection is under way, or waits for its place. */
  get isBusy(): boolean {
    return this.current !== undefined;
  }

  /** A collection that begins after this call, unless the one under way hangs. */
  async now(): Promise<Collection> {
    const before = this.current;
    const first = this.underWay();
    const mayBeOld = first.startedAt !== undefined && first === before;
    const collection = await first.answer();
    // One that was under way may have looked before the change that the caller wants to see.
    const isOld = mayBeOld && !first.wasAbandoned && this.current !== first;
    return isOld ? this.underWay().answer() : collection;
  }

  /** Gives up the collection under way, and forgets the last: those who wait are answered. */
  abandon(): void {
    this.latest = undefined;
    for (const flight of this.outstanding) {
      // If the driver cannot let go of it, its statement is still under way and keeps its place.
      if (!flight.abandon()) continue;
      if (this.current === flight) this.current = undefined;
      this.drop(flight);
    }
  }

  private underWay(): Flight {
    const { current } = this;
    if (current === undefined) return this.launch();
    const age = current.startedAt === undefined ? 0 : clock.now() - current.startedAt;
    const patience = ABANDONED_AFTER_TIMEOUTS * this.options.timeout;
    if (age < patience || !this.mayTryAnother(current)) return current;
    // If the driver cannot let go of the statement, it keeps its place.
    if (current.letGo()) this.options.places.leave(current);
    return this.launch();
  }

  /** Whether one more collection may be unanswered at this time. */
  private mayTryAnother(current: Flight): boolean {
    if (this.outstanding.size < MAX_OUTSTANDING) return true;
    if (![...this.outstanding].every(({ wasLetGo }) => wasLetGo)) return false;
    // Connections that were destroyed are never answered: only another try can show that the database is back.
    this.giveUp((flight) => flight !== current);
    return true;
  }

  /** Drops the collections whose answer is not expected any more. */
  private giveUp(isLost: (flight: Flight) => boolean): void {
    for (const flight of this.outstanding) if (isLost(flight)) this.drop(flight);
  }

  /** Stops counting a collection as unanswered, and frees its place. */
  private drop(flight: Flight): void {
    this.outstanding.delete(flight);
    this.options.places.leave(flight);
  }

  private launch(): Flight {
    const flight = new Flight(this.options, {
      started: () => (this.alarm ??= clock.setTimeout(() => this.ring(), this.options.timeout).unref()),
      answered: (collection) => this.keep(collection),
      settled: (isAnswer) => this.land(flight, isAnswer),
      released: () => this.options.places.leave(flight),
    });
    this.current = flight;
    this.outstanding.add(flight);
    this.options.places.enter(flight);
    return flight;
  }

  private ring(): void {
    this.alarm = undefined;
    const { current } = this;
    if (current?.startedAt === undefined || current.collection !== undefined) return;
    const left = current.startedAt + this.options.timeout - clock.now();
    if (left > 0) {
      this.alarm = clock.setTimeout(() => this.ring(), left).unref();
      return;
    }
    current.conclude(TIMED_OUT);
    this.options.places.review();
  }

  private keep(collection: Collection): void {
    if (this.latest !== undefined && this.latest.sequence > collection.sequence) return;
    this.latest = collection;
    this.options.onCollection(collection);
  }

  private land(flight: Flight, isAnswer: boolean): void {
    // A destroyed connection fails: that is no answer of the database, which may be busy with it still.
    if (flight.wasLetGo && !isAnswer) return;
    this.outstanding.delete(flight);
    if (this.current === flight) this.current = undefined;
    if (!isAnswer) return;
    // The database answers again, so the count of lost collections starts anew.
    this.giveUp((other) => other !== this.current);
  }
}

function isFresh(collection: Collection, maxAge: number): boolean {
  // With `refresh: 'bootstrap'`, a DataSource that was not ready is read again until it is.
  if (maxAge === Infinity) return collection.status === 'read' || collection.reason !== 'uninitialized';
  const age = clock.now() - collection.startedAt;
  return age >= 0 && age < maxAge;
}

interface FlightEvents {
  started(): void;
  answered(collection: Collection): void;
  /** The attempt has succeeded or failed, however late. */
  settled(isAnswer: boolean): void;
  /** It holds no connection any more. */
  released(): void;
}

/** One collection on its way: waiting for its place, under way, answered or timed out, settled. */
export class Flight implements PlaceHolder {
  sequence = 0;
  /** `undefined` until it has its place. */
  startedAt: number | undefined;
  collection: Collection | undefined;
  wasLetGo = false;
  wasAbandoned = false;
  private isSettled = false;
  private attempt: Attempt | undefined;
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly options: Pick<ReaderOptions, 'timeout' | 'begin' | 'explain'>,
    private readonly events: FlightEvents,
  ) {}

  /** Calls back when it is answered. */
  onAnswer(callback: () => void): void {
    this.waiting.add(callback);
  }

  /** The callback is called no more. */
  forget(callback: () => void): void {
    this.waiting.delete(callback);
  }

  async answer(): Promise<Collection> {
    if (this.collection === undefined) await new Promise<void>((resolve) => this.onAnswer(resolve));
    return this.collection as Collection;
  }

  get isOverdue(): boolean {
    return this.collection !== undefined && !this.isSettled;
  }

  start(): void {
    this.sequence = started += 1;
    this.startedAt = clock.now();
    this.events.started();
    void this.run();
  }

  conclude(result: Result): void {
    if (this.resolve(result)) this.events.answered(this.collection as Collection);
  }

  /**
   * Answers those who wait, without an event.
   *
   * @returns whether its statement is under way no more
   */
  abandon(): boolean {
    this.wasAbandoned = true;
    this.resolve(TIMED_OUT);
    return this.letGo();
  }

  private resolve(result: Result): boolean {
    if (this.collection !== undefined) return false;
    const now = clock.now();
    const startedAt = (this.startedAt ??= now);
    // A busy event loop can let the answer overtake the timer.
    const outcome = now - startedAt > this.options.timeout ? TIMED_OUT : result;
    const { sequence } = this;
    const at = Date.now();
    const durationSeconds = (now - startedAt) / 1000;
    // No object spread here: it takes a fifth of a small read.
    this.collection =
      outcome.status === 'read'
        ? { status: 'read', state: outcome.state, sequence, startedAt, at, durationSeconds }
        : { ...outcome, sequence, startedAt, at, durationSeconds };
    for (const callback of this.waiting) callback();
    this.waiting.clear();
    return true;
  }

  letGo(): boolean {
    const isGone = this.attempt?.destroy() ?? true;
    if (isGone) this.wasLetGo = true;
    return isGone;
  }

  private async run(): Promise<void> {
    let result: Result;
    try {
      this.attempt = this.options.begin();
      result = { status: 'read', state: await this.attempt.state };
    } catch (error) {
      result = { status: 'failed', ...this.options.explain(error) };
    }
    this.isSettled = true;
    // Cleared before it is answered: a caller that reads again right away must start a new one.
    this.events.settled(result.status === 'read');
    this.conclude(result);
    await this.attempt?.released;
    this.events.released();
  }
}
