import type { Socket } from 'node:net';
import { clock, wait } from '../clock';
import type { PlaceHolder, Places } from '../migration/reader';
import { Pace } from './pace';

/** Milliseconds between two looks at who is inside still. */
const LOOK_EVERY = 5;

/**
 * Bounds what collections take of the database servers at one time: statements under way, and
 * connections that had to be opened for one and stay in their pools.
 */
export class BoundedPlaces implements Places {
  private readonly holders = new Set<PlaceHolder>();
  /** In the order in which they came. */
  private readonly queue = new Set<PlaceHolder>();
  /** Connections that were opened for a collection, and that their pools have kept. */
  private readonly keptOpen = new Set<Socket>();
  private readonly pace = new Pace<PlaceHolder>(() => this.review());

  /** @param concurrency - statements under way and connections kept open, together */
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

  /** Whether somebody waits. */
  get hasQueue(): boolean {
    return this.queue.size > 0;
  }

  /** Whether nobody who waits gets a place before a statement that is overdue has been answered. */
  get isStuck(): boolean {
    if (this.queue.size === 0 || this.holders.size < this.capacity) return false;
    return [...this.holders].every(({ isOverdue }) => isOverdue);
  }

  /** Whether the pool may keep a connection that had to be opened; otherwise it is to be closed. */
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

  /** Lets nobody in any more; resolves when those inside are gone, overdue, or have had so many milliseconds. */
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

  /** A statement that nobody waits for any more makes room for the next, where its driver lets go of it. */
  private evict(): boolean {
    for (const holder of this.holders) {
      if (!holder.isOverdue || !holder.letGo()) continue;
      this.holders.delete(holder);
      return true;
    }
    return false;
  }
}
