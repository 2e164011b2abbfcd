import type { MigrationReader, ReadingOutcome } from './migration.reader';

/**
 * Reads many connections, `concurrency` at a time, and answers within `timeout` whatever they do.
 *
 * With more connections than may be read at a time, each gives up its place after its share of the
 * time-out at the latest: those that hang cannot keep the others from being read. What has no answer
 * when the time is over counts as timed out.
 */
export async function readAll(
  readers: readonly MigrationReader[],
  options: { maxAge: number | 'now'; concurrency: number; timeout: number },
): Promise<ReadingOutcome[]> {
  const { maxAge, concurrency, timeout } = options;
  const share = timeout / Math.ceil(readers.length / concurrency);
  const startedAt = performance.now();
  const timers = new Set<NodeJS.Timeout>();
  const outcomes = new Array<ReadingOutcome | undefined>(readers.length);
  let next = 0;

  await new Promise<void>((resolve) => {
    let missing = readers.length;
    const finish = () => {
      next = readers.length;
      for (const timer of timers) clearTimeout(timer);
      resolve();
    };

    function take(): void {
      const index = next++;
      const reader = readers[index];
      if (reader === undefined) return;
      let held = true;
      const release = () => {
        if (!held) return;
        held = false;
        clearTimeout(turn);
        timers.delete(turn);
        take();
      };
      const turn = setTimeout(release, share);
      timers.add(turn);
      void reader.read(maxAge).then((outcome) => {
        outcomes[index] = outcome;
        missing -= 1;
        release();
        if (missing === 0) finish();
      });
    }

    for (let place = 0; place < Math.min(concurrency, readers.length); place += 1) take();
    if (readers.length === 0) return finish();
    // Set after the first readings began, so that their own time-outs answer before this one.
    timers.add(setTimeout(finish, timeout));
  });

  return Array.from(
    outcomes,
    (outcome) =>
      outcome ?? {
        status: 'failed',
        reason: 'timeout',
        at: Date.now(),
        durationSeconds: (performance.now() - startedAt) / 1000,
      },
  );
}
