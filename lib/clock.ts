const eventLoopUtilization = performance.eventLoopUtilization.bind(performance);

/**
 * The process's clock and timers, as they are when this package is loaded: fake timers that a test
 * installs later neither stop a time-out nor freeze the age of a collection.
 */
export const clock = {
  /** Milliseconds of the monotonic clock. */
  now: performance.now.bind(performance),
  /** Milliseconds that the event loop has worked since the process began: without those in which it waited. */
  worked: () => eventLoopUtilization().active,
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setImmediate: globalThis.setImmediate,
};

/** Resolves when the event loop has had its turn. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => clock.setImmediate(resolve));
}

/** Resolves after so many milliseconds. */
export function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => clock.setTimeout(resolve, milliseconds));
}

/** The same, for a wait that may not keep the process alive. */
export function waitUnref(milliseconds: number): Promise<void> {
  return new Promise((resolve) => clock.setTimeout(resolve, milliseconds).unref());
}

/** Timers hold no more milliseconds; a longer one would fire at once. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * What some work comes to, or what `late` returns or throws if it takes longer. The work goes on.
 *
 * @param isUnref - whether the process may end before the time is over
 */
export async function within<T, Late = undefined>(
  milliseconds: number,
  work: T | Promise<T>,
  late: () => Late,
  isUnref = false,
): Promise<T | Late> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = clock.setTimeout(resolve, milliseconds);
    if (isUnref) timer.unref();
  });
  try {
    return await Promise.race([work, deadline.then(late)]);
  } finally {
    clock.clearTimeout(timer);
  }
}
