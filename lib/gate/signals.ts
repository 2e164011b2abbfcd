/**
 * Signals that do not ask a process to end. By default they are ignored, or stop and continue the process.
 */
const HARMLESS: ReadonlySet<string> = new Set(
  'SIGCHLD SIGCONT SIGINFO SIGIO SIGPIPE SIGPROF SIGTSTP SIGTTIN SIGTTOU SIGURG SIGWINCH'.split(' '),
);

/** Marks the listeners of every copy of this package. */
const OURS = Symbol.for('nestjs-prometheus-migrations:signal');

/** Instances that have not received a signal yet. */
const watching = new Set<HandledSignals>();
const listenedTo = new Set<NodeJS.Signals>();

/**
 * Reports the first signal that the application handles, even if its handler is added later.
 *
 * An unhandled signal ends the process, and a listener of ours would prevent that. So our listener is removed
 * together with the last other one.
 */
export class HandledSignals {
  constructor(private readonly onSignal: () => void) {
    // One listener for all instances: Node warns about more than ten, and a test may run many applications.
    if (watching.size === 0) attach();
    watching.add(this);
  }

  static notifyAll(): void {
    const notified = [...watching];
    for (const each of notified) each.close();
    for (const { onSignal } of notified) onSignal();
  }

  close(): void {
    if (watching.delete(this) && watching.size === 0) detach();
  }
}

// Removes itself before the next listener runs: signal-exit ends the process only if all listeners are its
// own.
const listener = Object.assign(() => HandledSignals.notifyAll(), { [OURS]: true });

const onNewListener = (event: string | symbol, added: object): void => {
  if (!(OURS in added)) listenTo(event);
};

const onRemovedListener = (event: string | symbol): void => {
  const signal = event as NodeJS.Signals;
  if (!listenedTo.has(signal) || process.listeners(signal).some((other) => !(OURS in other))) return;
  listenedTo.delete(signal);
  process.off(signal, listener);
};

function attach(): void {
  process.on('newListener', onNewListener);
  process.on('removeListener', onRemovedListener);
  for (const event of process.eventNames()) listenTo(event);
}

function detach(): void {
  process.off('newListener', onNewListener);
  process.off('removeListener', onRemovedListener);
  for (const signal of listenedTo) process.off(signal, listener);
  listenedTo.clear();
}

function listenTo(event: string | symbol): void {
  if (typeof event !== 'string' || !event.startsWith('SIG') || HARMLESS.has(event)) return;
  const signal = event as NodeJS.Signals;
  if (listenedTo.has(signal)) return;
  listenedTo.add(signal);
  process.prependListener(signal, listener);
}
