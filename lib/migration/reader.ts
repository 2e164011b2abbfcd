import { clock } from '../clock';
import type { Failure } from './failure';
import type { MigrationState } from './state';

/** The result of one read of one connection. The same object is used until a newer one exists. */
export type Collection = {
  /** Start order: of two collections of one connection, the higher number began later. */
  readonly sequence: number;
  /** Start, in milliseconds of the monotonic clock. */
  readonly startedAt: number;
  /** End, as Unix time in milliseconds. */
  readonly at: number;
  readonly durationSeconds: number;
} & ({ readonly status: 'read'; readonly state: MigrationState } | ({ readonly status: 'failed' } & Failure));

/** One attempt to read a connection. */
export interface Attempt {
  readonly state: Promise<MigrationState>;
  /** Resolves when the attempt no longer holds a connection; never rejects. */
  readonly released: Promise<void>;
  /**
   * Closes the attempt's connection.
   *
   * @returns `false` if that is not possible: then its statement is still running
   */
  destroy(): boolean;
}

/** A collection that holds a place among the running statements, or waits for one. */
export interface PlaceHolder {
  /** Called when the place is free. */
  start(): void;
  /** Whether it has timed out and still runs. */
  readonly isOverdue: boolean;
  /** @returns Whether its statement no longer runs. */
  letGo(): boolean;
}

/** Limits how many statements run at one time, over all connections. */
export interface Places {
  enter(holder: PlaceHolder): void;
  leave(holder: PlaceHolder): void;
  /** Checks the places again after a holder became overdue. */
  review(): void;
}

export interface ReaderOptions {
  /** Milliseconds after which a collection counts as failed. */
  readonly timeout: number;
  readonly places: Places;
  /** Starts an attempt to read the connection. */
  begin(): Attempt;
  /** Explains why an attempt failed; never throws. */
  explain(error: unknown): Failure;
  /** Called with each collection as soon as it is known. */
  onCollection(collection: Collection): void;
}

/** After so many timeouts, an unanswered collection is abandoned and a new connection is tried. */
const ABANDONED_AFTER_TIMEOUTS = 10;
/** Limit of unanswered collections: the current one, and one that was abandoned. */
const MAX_OUTSTANDING = 2;

type Result = { status: 'read'; state: MigrationState } | ({ status: 'failed' } & Failure);

const TIMED_OUT: Result = { status: 'failed', reason: 'timeout' };

let started = 0;

/**
 * Reads one connection, one collection at a time. The timeout answers the callers, but the collection goes
 * on: a database that hangs gets no second query until it answers or the first is abandoned.
 */
export class MigrationReader {
  /** The newest finished collection. */
  latest: Collection | undefined;

  private current: Flight | undefined;
  /** Collections without an answer of the database, including those whose connection was destroyed. */
  private readonly outstanding = new Set<Flight>();
  /** One timer for all collections: a timer for each would cost as much as a small read. */
  private alarm: NodeJS.Timeout | undefined;

  constructor(private readonly options: ReaderOptions) {}

  /**
   * Starts or joins a collection if the newest one is older than `maxAge` milliseconds.
   *
   * @returns The collection to wait for; `undefined` if there is nothing to wait for.
   */
  refresh(maxAge: number): Flight | undefined {
    if (this.latest !== undefined && isFresh(this.latest, maxAge)) return undefined;
    const flight = this.underWay();
    return flight.collection === undefined ? flight : undefined;
  }

  /** Whether a collection runs or waits for its place. */
  get isBusy(): boolean {
    return this.current !== undefined;
  }

  /** Returns a collection that begins after this call, unless the current one hangs. */
  async now(): Promise<Collection> {
    const before = this.current;
    const first = this.underWay();
    const mayBeOld = first.startedAt !== undefined && first === before;
    const collection = await first.answer();
    // A collection that was already running may have read before the change that the caller wants to see.
    const isOld = mayBeOld && !first.wasAbandoned && this.current !== first;
    return isOld ? this.underWay().answer() : collection;
  }

  /** Abandons the running collection, answers its callers, and forgets the last result. */
  abandon(): void {
    this.latest = undefined;
    for (const flight of this.outstanding) {
      // If the driver cannot destroy the connection, the statement still runs and keeps its place.
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
    // If the driver cannot destroy the connection, the statement keeps its place.
    if (current.letGo()) this.options.places.leave(current);
    return this.launch();
  }

  /** Whether another collection may start beside the unanswered ones. */
  private mayTryAnother(current: Flight): boolean {
    if (this.outstanding.size < MAX_OUTSTANDING) return true;
    if (![...this.outstanding].every(({ wasLetGo }) => wasLetGo)) return false;
    // A destroyed connection never answers: only another attempt can show that the database is back.
    this.giveUp((flight) => flight !== current);
    return true;
  }

  /** Drops the collections that will never be answered. */
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
    // A destroyed connection fails. That is not an answer of the database, which may still run the statement.
    if (flight.wasLetGo && !isAnswer) return;
    this.outstanding.delete(flight);
    if (this.current === flight) this.current = undefined;
    if (!isAnswer) return;
    // The database answers again, so older collections no longer count as unanswered.
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
  /** The attempt has succeeded or failed, even after the timeout. */
  settled(isAnswer: boolean): void;
  /** It no longer holds a connection. */
  released(): void;
}

/** One collection through its phases: waiting for its place, running, answered or timed out, settled. */
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

  /** Calls back when the collection has a result. */
  onAnswer(callback: () => void): void {
    this.waiting.add(callback);
  }

  /** Removes a callback of `onAnswer`. */
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
   * Answers the callers without an event.
   *
   * @returns Whether its statement no longer runs.
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
    // In a busy event loop, the answer can arrive before the timer fires.
    const outcome = now - startedAt > this.options.timeout ? TIMED_OUT : result;
    const { sequence } = this;
    const at = Date.now();
    const durationSeconds = (now - startedAt) / 1000;
    // No object spread here: it would take a fifth of the time of a small read.
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
    // Clear the flight before resolving: a caller that reads again right away must start a new one.
    this.events.settled(result.status === 'read');
    this.conclude(result);
    await this.attempt?.released;
    this.events.released();
  }
}
