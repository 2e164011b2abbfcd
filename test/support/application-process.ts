import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type {
  ApplicationCommand,
  ApplicationMessage,
  ApplicationSettings,
} from '../faults/application.fixture';
import type { CompiledFixture } from './compiled';

type MessageOf<Kind> = Extract<ApplicationMessage, { kind: Kind }>;

/** How a process ended. */
export interface End {
  /** From the request on; `undefined` if it had to be killed. */
  readonly ms: number | undefined;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The application of `application.fixture.ts`, in a process of its own. */
export class ApplicationProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
    /** Of the metrics' own port. */
    readonly ownUrl: string,
    private readonly written: { errors: string },
  ) {}

  static async start(fixture: CompiledFixture, settings: ApplicationSettings): Promise<ApplicationProcess> {
    const child = fork(fixture.file, {
      env: { ...process.env, APPLICATION_SETTINGS: JSON.stringify(settings) },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const written = { errors: '' };
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (written.errors += text));
    const ended = once(child, 'close').then(() => {
      throw new Error(`The application ended:\n${written.errors}`);
    });
    ended.catch(() => {});
    const [started] = (await Promise.race([once(child, 'message'), ended])) as [MessageOf<'started'>];
    return new ApplicationProcess(child, started.url, started.ownUrl ?? '', written);
  }

  /** What the process has written to stderr: warnings of Node.js, and what has ended it. */
  get errors(): string {
    return this.written.errors;
  }

  /** Most memory that the process has had, in MB. */
  async peakMemory(): Promise<number> {
    const [{ peak }] = (await this.ask('memory')) as [MessageOf<'memory'>];
    return peak;
  }

  /**
   * Asks the process to end, by `app.close()` or a signal, and waits until it has.
   *
   * @param patience - ms after which it is killed
   */
  async end(way: 'close' | 'SIGTERM', patience: number): Promise<End> {
    const startedAt = performance.now();
    const exit = once(this.child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    if (way === 'close') this.child.send('close' satisfies ApplicationCommand);
    else this.child.kill(way);
    let wasKilled = false;
    const killer = setTimeout(() => (wasKilled = this.child.kill('SIGKILL')), patience);
    const [code, signal] = await exit;
    clearTimeout(killer);
    return { ms: wasKilled ? undefined : performance.now() - startedAt, code, signal };
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  private ask(command: ApplicationCommand): Promise<unknown[]> {
    const answer = once(this.child, 'message');
    this.child.send(command);
    return answer;
  }
}
