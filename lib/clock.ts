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
