/** Signals that do not ask a process to end: without a handler they leave it alone, or stop and continue it. */
const HARMLESS: ReadonlySet<string> = new Set(
  'SIGCHLD SIGCONT SIGINFO SIGIO SIGPIPE SIGPROF SIGTSTP SIGTTIN SIGTTOU SIGURG SIGWINCH'.split(' '),
);

/** Marks the listeners of this class, of whatever copy of the package. */
const OURS = Symbol.for('nestjs-prometheus-migrations:signal');

/**
 * Tells of the first signal that the process handles, whenever its handler is added. A signal that nobody else
 * handles ends the process by itself, and a listener of ours would prevent that: ours goes with the last other.
 */
export class HandledSignals {
  private readonly listenedTo = new Set<NodeJS.Signals>();
  private readonly listener: () => void;

  constructor(onSignal: () => void) {
    // Gone before the next listener runs: signal-exit ends the process only if it has all listeners itself.
    this.listener = Object.assign(
      () => {
        this.close();
        onSignal();
      },
      { [OURS]: true },
    );
    process.on('newListener', this.onNewListener);
    process.on('removeListener', this.onRemovedListener);
    for (const event of process.eventNames()) this.listenTo(event);
  }

  close(): void {
    process.off('newListener', this.onNewListener);
    process.off('removeListener', this.onRemovedListener);
    for (const signal of this.listenedTo) process.off(signal, this.listener);
    this.listenedTo.clear();
  }

  private readonly onNewListener = (event: string | symbol, listener: object): void => {
    if (!(OURS in listener)) this.listenTo(event);
  };

  private readonly onRemovedListener = (event: string | symbol): void => {
    const signal = event as NodeJS.Signals;
    if (!this.listenedTo.has(signal) || process.listeners(signal).some((other) => !(OURS in other))) return;
    this.listenedTo.delete(signal);
    process.off(signal, this.listener);
  };

  private listenTo(event: string | symbol): void {
    if (typeof event !== 'string' || !event.startsWith('SIG') || HARMLESS.has(event)) return;
    const signal = event as NodeJS.Signals;
    if (this.listenedTo.has(signal)) return;
    this.listenedTo.add(signal);
    process.prependListener(signal, this.listener);
  }
}
