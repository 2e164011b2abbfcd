import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { endProcess } from './end-process';
import { samples } from './exposition';
import { freePort } from './free-port';

const PROGRAM = 'prometheus-pushgateway';
const START_MS = 20_000;

/** Whether the Pushgateway is installed. With `CI=true` it must be. */
export const hasPushgateway = spawnSync(PROGRAM, ['--version']).status === 0;
if (!hasPushgateway) {
  const message = `No ${PROGRAM} on the PATH. Debian has it in its package of that name`;
  if (process.env['CI'] === 'true') throw new Error(`${message}: in CI that is a failure.`);
  console.warn(`${message}: the tests that push are skipped.`);
}

export interface RunningPushgateway {
  readonly url: string;
  /** What it shows to Prometheus, without its own metrics and without buckets. */
  pushed(): Promise<Record<string, number>>;
  stop(): Promise<void>;
}

/** Debian's Pushgateway on a free port. */
export async function startPushgateway(): Promise<RunningPushgateway> {
  const port = await freePort();
  const child = spawn(PROGRAM, [`--web.listen-address=127.0.0.1:${port}`], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  try {
    await ready(url, child);
  } catch (error) {
    await endProcess(child);
    throw error;
  }
  return {
    url,
    pushed: async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const own = [...samples(text)].filter(
        ([series]) => series.includes('job="') && !series.includes('_bucket{') && !series.startsWith('push_'),
      );
      return Object.fromEntries(own);
    },
    stop: () => endProcess(child),
  };
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_MS;
  while (child.exitCode === null && Date.now() < deadline) {
    const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
    if (answer?.ok === true) return;
    await wait(50);
  }
  throw new Error('The Pushgateway did not start.');
}
