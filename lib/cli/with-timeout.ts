import { within } from '../clock';

/**
 * What some work comes to, or an error if it takes longer. If nothing else keeps the process alive, the work never
 * settles: it may end at once.
 */
export function withTimeout<T>(work: Promise<T>, milliseconds: number, late: () => Error): Promise<T> {
  const fail = (): never => {
    throw late();
  };
  return within(milliseconds, work, fail, true);
}
