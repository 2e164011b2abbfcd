import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { endProcess } from './end-process';
import { freePort } from './free-port';

const PROJECT = join(__dirname, '../..');
const CONFIG = 'sample-app/prometheus/prometheus.yml';
const RULES = 'monitoring/prometheus';
const RULE_FILES = ['migrations.rules.yml', 'django-compat.rules.yml'];
const START_MS = 20_000;

export interface Alert {
  readonly name: string;
  readonly connection: string;
  readonly state: 'pending' | 'firing';
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [seconds: number, value: number])[];
}

/** Debian's Prometheus with the sample's own configuration and the rules as they are shipped. */
export interface RunningPrometheus {
  /** The alerts that are pending or firing, in the order of their names and connections. */
  alerts(): Promise<Alert[]>;
  /** What an expression gives just now; with a range at its end (`up[1h]`), the samples as they are stored. */
  query(expression: string): Promise<Series[]>;
  stop(): Promise<void>;
}

/**
 * @param target - host and port of the application
 * @param speed - how many times as fast all the durations go by, those of the configuration and of the rules
 */
export async function startPrometheus(target: string, speed: number): Promise<RunningPrometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
  await mkdir(join(folder, RULES), { recursive: true });
  await cp(join(PROJECT, 'sample-app/prometheus'), join(folder, 'sample-app/prometheus'), {
    recursive: true,
  });
  for (const file of [CONFIG, ...RULE_FILES.map((name) => join(RULES, name))]) {
    await writeFile(join(folder, file), faster(await readFile(join(PROJECT, file), 'utf8'), speed));
  }
  await writeFile(join(folder, 'sample-app/prometheus/targets.yml'), `- targets: ['${target}']\n`);

  const port = await freePort();
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, CONFIG)}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      `--query.lookback-delta=${300_000 / speed}ms`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    await endProcess(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await ready(url, child);
  } catch (error) {
    await stop();
    throw error;
  }

  async function api<T>(path: string, parameters: Record<string, string>): Promise<T> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) query.set(name, value);
    const response = await fetch(`${url}/api/v1/${path}?${query.toString()}`);
    const body = (await response.json()) as { status: string; error?: string; data: T };
    if (body.status !== 'success') throw new Error(`Prometheus: ${body.error} in ${query.get('query')}`);
    return body.data;
  }

  return {
    alerts: async () => {
      const { alerts } = await api<{ alerts: { labels: Record<string, string>; state: Alert['state'] }[] }>(
        'alerts',
        {},
      );
      return alerts
        .map(({ labels, state }) => ({
          name: labels['alertname'] ?? '',
          connection: labels['connection'] ?? '',
          state,
        }))
        .sort((a, b) => `${a.name} ${a.connection}`.localeCompare(`${b.name} ${b.connection}`));
    },
    query: async (query) => {
      const { result } = await api<{ result: RawSeries[] }>('query', { query });
      return result.map(({ metric, value, values = value === undefined ? [] : [value] }) => ({
        metric,
        values: values.map(([at, number]) => [at, Number(number)] as const),
      }));
    },
    stop,
  };
}

type RawSample = [seconds: number, value: string];

interface RawSeries {
  metric: Record<string, string>;
  /** Of an instant vector. */
  value?: RawSample;
  /** Of a range vector. */
  values?: RawSample[];
}

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A configuration or rules whose every duration is `speed` times as short. */
export function faster(text: string, speed: number): string {
  if (speed === 1) return text;
  return text
    .replace(
      /(?<=\[|:|for: |_interval: )(\d+)([smhd])(?=\]|:|\n)/g,
      (_, count: string, unit: keyof typeof UNIT_MS) => {
        return `${(Number(count) * UNIT_MS[unit]) / speed}ms`;
      },
    )
    .replace(/15 \* 60\b/g, `15 * 60 / ${speed}`);
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-10_000)));
  const deadline = Date.now() + START_MS;
  while (child.exitCode === null && Date.now() < deadline) {
    const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
    if (answer?.ok === true) return;
    await wait(100);
  }
  throw new Error(`Prometheus did not start:\n${log}`);
}
