import type { MigrationReader, ReadingOutcome } from './migration.reader';

/** Reads many connections, `concurrency` at a time, and answers within `timeout` whatever they do. */
export async function readAll(
  readers: readonly MigrationReader[],
  options: { maxAge: number | 'now'; concurrency: number; timeout: number },
): Promise<readonly ReadingOutcome[]> {
  return readers.length <= options.concurrency
    ? Promise.all(readers.map((reader) => reader.read(options.maxAge)))
    : readInTurns(readers, options);
}

/**
 * With more connections than may be read at a time, each gives up its place after its share of half
 * the time-out at the latest: those that hang cannot keep the others from being read, and even the
 * last has half the time-out for its answer. What has none when the time is over counts as timed out.
 */
async function readInTurns(
  readers: readonly MigrationReader[],
  { maxAge, concurrency, timeout }: { maxAge: number | 'now'; concurrency: number; timeout: number },
): Promise<readonly ReadingOutcome[]> {
  const share = timeout / 2 / Math.ceil(readers.length / concurrency);
  const outcomes = new Array<ReadingOutcome | undefined>(readers.length);
  const turns = new Set<NodeJS.Timeout>();
  let next = 0;

  await new Promise<void>((resolve) => {
    let missing = readers.length;
    const deadline = setTimeout(finish, timeout);
    function finish() {
      next = readers.length;
      clearTimeout(deadline);
      for (const turn of turns) clearTimeout(turn);
      resolve();
    }

    function take(): void {
      const index = next++;
      const reader = readers[index];
      if (reader === undefined) return;
      const turn = setTimeout(pass, share);
      turns.add(turn);
      function pass() {
        if (!turns.delete(turn)) return;
        clearTimeout(turn);
        take();
      }
      void reader.read(maxAge).then((outcome) => {
        outcomes[index] = outcome;
        missing -= 1;
        pass();
        if (missing === 0) finish();
      });
    }

    for (let place = 0; place < concurrency; place += 1) take();
  });

  return readers.map((reader, index) => outcomes[index] ?? reader.giveUp());
}
