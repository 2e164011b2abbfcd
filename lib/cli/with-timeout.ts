import { within } from '../clock';

/**
 * Returns the result of some work, or rejects if it takes too long. The timer does not keep the process
 * alive: if nothing else does, the work never settles and the process ends at once.
 */
export function withTimeout<T>(work: Promise<T>, milliseconds: number, late: () => Error): Promise<T> {
  const fail = (): never => {
    throw late();
  };
  return within(milliseconds, work, fail, true);
}
