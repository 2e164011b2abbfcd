import { clock } from '../clock';

/** Milliseconds of work after which the event loop gets its turn before another collection begins. */
const LONG_TURN = 4;
/** Milliseconds for which an unanswered collection holds back others: no longer, as its server may be slow. */
const YOUNG = 1;

/**
 * Lets collections begin a few at a time. If all began at once, the answers of fast databases would
 * arrive together and block the event loop until the last of them is parsed.
 */
export class Pace<Holder> {
  /** Collections that began not long ago and are not answered. */
  private readonly young = new Set<Holder>();
  /** Collections that have begun since the event loop had its turn, and when that was, as far as is known. */
  private begun = 0;
  private since = 0;
  private isWaitingForTurn = false;
  private isWaitingForYoung = false;

  /**
   * @param burst - collections that may begin at once
   * @param resume - called when another may begin, after {@link Pace.mayBegin} was false
   */
  constructor(
    private readonly burst: number,
    private readonly resume: () => void,
  ) {}

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
  }

  end(holder: Holder): void {
    this.young.delete(holder);
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
