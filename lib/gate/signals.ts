/** Signals that do not ask a process to end: without a handler they leave it alone, or stop and continue it. */
const HARMLESS: ReadonlySet<string> = new Set(
  'SIGCHLD SIGCONT SIGINFO SIGIO SIGPIPE SIGPROF SIGTSTP SIGTTIN SIGTTOU SIGURG SIGWINCH'.split(' '),
);

/** Marks our listeners, of whatever copy of the package. */
const OURS = Symbol.for('nestjs-prometheus-migrations:signal');

/** Those that have not had a signal yet. */
const watching = new Set<HandledSignals>();
const listenedTo = new Set<NodeJS.Signals>();

/**
 * Tells of the first signal that the process handles, whenever its handler is added. A signal that nobody else
 * handles ends the process by itself, and a listener of ours would prevent that: ours goes with the last other.
 */
export class HandledSignals {
  constructor(private readonly onSignal: () => void) {
    // One listener serves all: Node warns of more than ten, and each application of a test has its own watch.
    if (watching.size === 0) attach();
    watching.add(this);
  }

  static tellAll(): void {
    const told = [...watching];
    for (const each of told) each.close();
    for (const { onSignal } of told) onSignal();
  }

  close(): void {
    if (watching.delete(this) && watching.size === 0) detach();
  }
}

// Gone before the next listener runs: signal-exit ends the process only if it has all listeners itself.
const listener = Object.assign(() => HandledSignals.tellAll(), { [OURS]: true });

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
