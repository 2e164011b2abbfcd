import { nextTick } from 'node:process';
import { EXIT } from './exit';

/**
 * How a process can end before the command has decided: by `process.exit()`, or because the event loop is
 * empty.
 */
export type EarlyEnd = 'exit' | 'idle';

export const ENDED_EARLY: Readonly<Record<EarlyEnd, string>> = {
  exit: 'A loaded file ended the process before the migrations could be read.',
  idle: 'A loaded file waits for ever: look for a promise that never settles.',
};

/**
 * The only way out of the process. The exit code is the command's decision, or 2 without one.
 *
 * A loaded file may call or replace `process.exit()`, set `process.exitCode`, and add an earlier listener of
 * `exit`. All of these end in `process.reallyExit()`, or in an empty event loop.
 */
export class End {
  private readonly reallyExit: (code: number) => never;
  private decided: number | undefined;
  private isIdle = false;

  /** @param onEarly - called if the process ends before the command has decided */
  constructor(
    process: NodeJS.Process,
    private readonly onEarly: (how: EarlyEnd) => void,
  ) {
    const exiting = process as unknown as { reallyExit: (code: number) => never };
    this.reallyExit = exiting.reallyExit.bind(process);
    exiting.reallyExit = () => this.leave();
    const emitter: NodeJS.EventEmitter = process;
    const listeners: readonly (readonly [event: string, listener: (...args: unknown[]) => void])[] = [
      ['beforeExit', () => (this.isIdle = true)],
      ['exit', () => this.leave()],
      // On the next tick, because `process.removeAllListeners()` removes the others after this one.
      ['removeListener', () => nextTick(listen)],
    ];
    const listen = () => {
      const missing = listeners.filter(([event, listener]) => !emitter.listeners(event).includes(listener));
      for (const [event, listener] of missing) emitter.on(event, listener);
    };
    listen();
  }

  /** Whether the exit code is decided. Nothing changes it after that. */
  get isDecided(): boolean {
    return this.decided !== undefined;
  }

  /** Decides the exit code; the first decision counts. */
  decide(code: number): void {
    this.decided ??= code;
  }

  /** Ends the process at once, even if a loaded file has left something open. */
  now(code: number): never {
    this.decide(code);
    return this.leave();
  }

  private leave(): never {
    if (this.decided === undefined) {
      this.decided = EXIT.unknown;
      this.onEarly(this.isIdle ? 'idle' : 'exit');
    }
    return this.reallyExit(this.decided);
  }
}
