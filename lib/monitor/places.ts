import type { Socket } from 'node:net';
import { clock, wait } from '../clock';
import type { PlaceHolder, Places } from '../migration/reader';
import { Pace } from './pace';

/** Milliseconds between two checks for running collections. */
const LOOK_EVERY = 5;

/**
 * Limits the load of collections on the database servers: running statements, plus connections that were
 * opened for a collection and stay in their pools.
 */
export class BoundedPlaces implements Places {
  private readonly holders = new Set<PlaceHolder>();
  /** In order of arrival. */
  private readonly queue = new Set<PlaceHolder>();
  /** Connections that were opened for a collection and stay in their pools. */
  private readonly keptOpen = new Set<Socket>();
  private readonly pace = new Pace<PlaceHolder>(() => this.review());

  /** @param concurrency - limit of running statements and kept connections together */
  constructor(private readonly concurrency: number) {}

  enter(holder: PlaceHolder): void {
    this.queue.add(holder);
    this.review();
  }

  leave(holder: PlaceHolder): void {
    this.queue.delete(holder);
    this.pace.end(holder);
    if (this.holders.delete(holder)) this.review();
  }

  review(): void {
    for (const next of this.queue) {
      if (this.holders.size >= this.capacity && !this.evict()) return;
      if (!this.pace.mayBegin()) return;
      this.queue.delete(next);
      this.holders.add(next);
      this.pace.begin(next);
      next.start();
    }
  }

  /** Whether a collection waits for a place. */
  get hasQueue(): boolean {
    return this.queue.size > 0;
  }

  /** Whether the queue waits only for overdue statements. */
  get isStuck(): boolean {
    if (this.queue.size === 0 || this.holders.size < this.capacity) return false;
    return [...this.holders].every(({ isOverdue }) => isOverdue);
  }

  /** Whether the pool may keep a connection that was opened for a collection; otherwise close it. */
  mayStayOpen(socket: Socket): boolean {
    if (this.keptOpen.has(socket)) return true;
    if (this.keptOpen.size >= Math.ceil(this.concurrency / 2)) return false;
    this.keptOpen.add(socket);
    socket.once('close', () => {
      this.keptOpen.delete(socket);
      this.review();
    });
    return true;
  }

  /**
   * Stops starting collections. Resolves when the running ones have ended or are overdue, or after `grace`
   * milliseconds.
   */
  async drain(grace: number): Promise<void> {
    this.queue.clear();
    const until = clock.now() + grace;
    while ([...this.holders].some(({ isOverdue }) => !isOverdue) && clock.now() < until)
      await wait(LOOK_EVERY);
    for (const holder of this.holders) holder.letGo();
    this.holders.clear();
  }

  private get capacity(): number {
    return Math.max(1, this.concurrency - this.keptOpen.size);
  }

  /** Frees the place of an overdue statement whose connection the driver can destroy. */
  private evict(): boolean {
    for (const holder of this.holders) {
      if (!holder.isOverdue || !holder.letGo()) continue;
      this.holders.delete(holder);
      return true;
    }
    return false;
  }
}
