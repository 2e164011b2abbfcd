import { nextTick } from 'node:process';
import { EXIT } from './exit';

/** How a process ends before the command has decided: somebody calls `process.exit()`, or nothing is left to do. */
export type EarlyEnd = 'exit' | 'idle';

export const ENDED_EARLY: Readonly<Record<EarlyEnd, string>> = {
  exit: 'A loaded file ended the process before the migrations could be read.',
  idle: 'A loaded file waits for something that never comes: look for a promise that nothing settles.',
};

/**
 * The one way out of the process: its exit code is what the command decides, and otherwise 2.
 *
 * A loaded file may call or replace `process.exit()`, set `process.exitCode`, and listen to `exit` before this does. All
 * of it ends in `process.reallyExit()`, or in a process that has nothing left to do.
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
      // Later: `process.removeAllListeners()` takes the others away after this one.
      ['removeListener', () => nextTick(listen)],
    ];
    const listen = () => {
      const missing = listeners.filter(([event, listener]) => !emitter.listeners(event).includes(listener));
      for (const [event, listener] of missing) emitter.on(event, listener);
    };
    listen();
  }

  /** Whether the exit code is known: nothing that happens from then on changes it. */
  get isDecided(): boolean {
    return this.decided !== undefined;
  }

  /** Says what the exit code is; the first one counts. */
  decide(code: number): void {
    this.decided ??= code;
  }

  /** Ends the process at once, whatever a loaded file has left open. */
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
