import { clock } from '../clock';

/** Milliseconds of work after which the pace yields to the event loop before another collection begins. */
const LONG_TURN = 4;
/** Minimum number of collections that may begin at once, whatever they cost. */
const SMALLEST_BURST = 8;
/**
 * Milliseconds for which an unanswered collection delays others. It is short because the server may be slow.
 */
const YOUNG = 1;

/**
 * Starts only as many collections at a time as the event loop handles in one turn. If all began at once, the
 * answers of fast databases would arrive together and block it until the last one is parsed.
 */
export class Pace<Holder> {
  /** Collections that began recently and have no answer yet. */
  private readonly young = new Set<Holder>();
  /** Collections that have begun since the last known turn of the event loop, and the time of that turn. */
  private begun = 0;
  private since = 0;
  private isWaitingForTurn = false;
  private isWaitingForYoung = false;
  /** Number of collections that may begin at once, computed from the measured cost of the last ones. */
  private burst = SMALLEST_BURST;
  private readonly underWay = new Set<Holder>();
  /** Collections that began since the last idle moment, and the event loop's work time at that moment. */
  private batch = 0;
  private workedBefore = 0;

  /** @param resume - called when another collection may begin, after {@link Pace.mayBegin} was `false` */
  constructor(private readonly resume: () => void) {}

  mayBegin(): boolean {
    if (this.young.size >= this.burst) {
      this.waitForYoung();
      return false;
    }
    if (this.begun < this.burst || clock.now() - this.since < LONG_TURN) return true;
    this.waitForTurn();
    return false;
  }

  begin(holder: Holder): void {
    this.begun += 1;
    this.young.add(holder);
    this.batch = this.underWay.size === 0 ? 1 : this.batch + 1;
    // A smaller batch is not measured: all of it may begin at once anyway.
    if (this.batch === SMALLEST_BURST) this.workedBefore = clock.worked();
    this.underWay.add(holder);
  }

  end(holder: Holder): void {
    this.young.delete(holder);
    if (!this.underWay.delete(holder) || this.underWay.size > 0 || this.batch <= SMALLEST_BURST) return;
    const cost = (clock.worked() - this.workedBefore) / this.batch;
    this.burst = Math.max(SMALLEST_BURST, Math.floor(LONG_TURN / cost));
  }

  private waitForYoung(): void {
    if (this.isWaitingForYoung) return;
    this.isWaitingForYoung = true;
    clock.setTimeout(() => {
      this.isWaitingForYoung = false;
      this.young.clear();
      this.resume();
    }, YOUNG);
  }

  private waitForTurn(): void {
    if (this.isWaitingForTurn) return;
    this.isWaitingForTurn = true;
    clock.setImmediate(() => {
      this.isWaitingForTurn = false;
      this.begun = 0;
      this.since = clock.now();
      this.resume();
    });
  }
}
