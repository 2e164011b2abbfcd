import { vi } from 'vitest';
import { clock } from '../../lib/clock';

/** Fakes the timers, and lets the package use them: it holds the real ones from when it was loaded. */
export function fakeClock(): void {
  vi.useFakeTimers();
  vi.spyOn(clock, 'now').mockImplementation(() => performance.now());
  vi.spyOn(clock, 'setTimeout').mockImplementation((callback: () => void, milliseconds) =>
    setTimeout(callback, milliseconds),
  );
  vi.spyOn(clock, 'setImmediate').mockImplementation((callback: () => void) => setImmediate(callback));
  vi.spyOn(clock, 'clearTimeout').mockImplementation((timer) => clearTimeout(timer));
}

export function realClock(): void {
  vi.restoreAllMocks();
  vi.useRealTimers();
}
