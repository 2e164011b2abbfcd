import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, vi } from 'vitest';

/** How a command ended, and what it has printed. */
export interface Ended {
  /** `null` if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** ms; what a process does at once, it does within this, on a busy machine: it has to load first. */
const SOON = 60_000;

/** The command line, in a process of its own. */
export class CommandProcess {
  private stdout = '';
  private stderr = '';
  private readonly exit: Promise<number | null>;

  private constructor(readonly child: ChildProcess) {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exit = once(child, 'close').then(([code]) => code as number | null);
  }

  static start(
    main: string,
    args: readonly string[],
    { cwd, env = {} }: { cwd: string; env?: NodeJS.ProcessEnv },
  ): CommandProcess {
    const { NODE_OPTIONS: _options, FORCE_COLOR: _color, ...inherited } = process.env;
    return new CommandProcess(
      spawn(process.execPath, [main, ...args], {
        cwd,
        env: { ...inherited, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
  }

  /** Waits until it has printed something to stderr. */
  told(text: string): Promise<void> {
    return vi.waitFor(() => expect(this.stderr).toContain(text), { timeout: SOON, interval: 20 });
  }

  /** Waits until it has ended by itself; kills it if it does not. */
  async ended(patience = SOON): Promise<Ended> {
    let isLate = false;
    const killer = setTimeout(() => {
      isLate = true;
      this.child.kill('SIGKILL');
    }, patience);
    const code = await this.exit;
    clearTimeout(killer);
    const { stdout, stderr } = this;
    if (isLate) throw new Error(`Still there after ${patience} ms:\n${stdout}${stderr}`);
    return { code, stdout, stderr };
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}
