import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, vi } from 'vitest';
import type { GateSettings } from '../faults/startup-gate.fixture';
import type { CompiledFixture } from './compiled';

/** ms; what a process does at once, it does within this, on a busy machine: it has to load first. */
export const SOON = 60_000;

export interface PodEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** A process of `startup-gate.fixture.ts`. */
export interface Pod {
  /** What it has printed so far, of both streams. */
  output(): string;
  /** Waits until it has printed something. */
  printed(text: string): Promise<void>;
  /** Waits until it has ended, and tells what it ended with. */
  ended(): Promise<PodEnd>;
  kill(signal: NodeJS.Signals): void;
  /** Tells the application to go on, or to close. */
  tell(): void;
}

const running: Pod[] = [];

export function startPod(fixture: CompiledFixture, settings: GateSettings): Pod {
  const child = spawn(process.execPath, [fixture.file], {
    env: { ...process.env, NO_COLOR: '1', GATE_SETTINGS: JSON.stringify(settings) },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  const end = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const pod: Pod = {
    output: () => output,
    printed: (text) => vi.waitFor(() => expect(output).toContain(text), { timeout: SOON, interval: 20 }),
    async ended() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`Still there:\n${output}`)), SOON);
      });
      const [code, signal] = await Promise.race([end, late]).finally(() => clearTimeout(timer));
      return { code, signal, output };
    },
    kill: (signal) => void child.kill(signal),
    tell: () => void child.send('go on'),
  };
  running.push(pod);
  return pod;
}

export async function endPods(): Promise<void> {
  for (const pod of running) pod.kill('SIGKILL');
  await Promise.all(running.splice(0).map((pod) => pod.ended()));
}
