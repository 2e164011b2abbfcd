import { clock } from '../clock';

/** What some work comes to, or an error if it takes longer. */
export async function withTimeout<T>(work: Promise<T>, milliseconds: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    // If nothing else keeps the process alive, the work never settles: it may end at once.
    timer = clock.setTimeout(() => reject(late()), milliseconds).unref();
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clock.clearTimeout(timer);
  }
}
