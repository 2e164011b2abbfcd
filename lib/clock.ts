const eventLoopUtilization = performance.eventLoopUtilization.bind(performance);

/**
 * The process's clock and timers, stored when this package is loaded. A test's fake timers then neither stop
 * a timeout nor freeze the age of a collection.
 */
export const clock = {
  /** Milliseconds of the monotonic clock. */
  now: performance.now.bind(performance),
  /** Milliseconds that the event loop has been busy since the process began. */
  worked: () => eventLoopUtilization().active,
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setImmediate: globalThis.setImmediate,
};

/** Resolves after the event loop has run other work. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => clock.setImmediate(resolve));
}

/** Resolves after the given milliseconds. */
export function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => clock.setTimeout(resolve, milliseconds));
}

/** Like {@link wait}, but does not keep the process alive. */
export function waitUnref(milliseconds: number): Promise<void> {
  return new Promise((resolve) => clock.setTimeout(resolve, milliseconds).unref());
}

/** The longest delay of a timer, in milliseconds. A longer one would fire at once. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Returns the result of some work. If it takes too long, returns or throws the result of `late`. The work
 * goes on.
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
