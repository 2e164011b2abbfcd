import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { compiledProject } from './compiled';

const run = promisify(execFile);

export const SAMPLE_BUILD_MS = 120_000;
export const SAMPLE_START_MS = 30_000;

/** The sample application, compiled. */
export interface Sample {
  readonly folder: string;
  /** @param environment - what it reads of its own; on any free port, and on SQLite unless this says otherwise */
  start(environment: NodeJS.ProcessEnv): Promise<RunningSample>;
  /** Starts it, and does not wait for it. */
  launch(environment: NodeJS.ProcessEnv): LaunchedSample;
  /** The lines that its migration command prints. */
  migrate(environment: NodeJS.ProcessEnv, ...args: string[]): Promise<string[]>;
  remove(): Promise<void>;
}

export interface LaunchedSample {
  readonly process: ChildProcess;
  /** Its URL, once it listens. */
  readonly started: Promise<string>;
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  output(): string;
  errors(): string;
}

export interface RunningSample extends LaunchedSample {
  readonly url: string;
}

/** A compiled copy of it: it imports the package by name, and the project's dist stays as it is. */
export async function buildSample(): Promise<Sample> {
  const folder = await compiledProject();
  return {
    folder,
    start: async (environment) => {
      const launched = launch(folder, complete(environment));
      return { ...launched, url: await launched.started };
    },
    launch: (environment) => launch(folder, complete(environment)),
    migrate: async (environment, ...args) => {
      const command = ['dist/sample-app/migrate.js', ...args];
      const { stdout } = await run(process.execPath, command, { cwd: folder, env: complete(environment) });
      return stdout.trim().split('\n');
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function complete(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...process.env,
    DATABASE_URL: '',
    USER_DATA_URL: '',
    ORDERS_WAIT: '',
    PORT: '0',
    NO_COLOR: '1',
    ...environment,
  };
}

function launch(folder: string, env: NodeJS.ProcessEnv): LaunchedSample {
  const child = spawn(process.execPath, ['dist/sample-app/main.js'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const exit: LaunchedSample['exit'] = new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const started = new Promise<string>((resolve, reject) => {
    const fail = (why: string) => {
      child.kill('SIGKILL');
      reject(new Error(`The sample application ${why}:\n${output}${errors}`));
    };
    const timer = setTimeout(() => fail('did not start in time'), SAMPLE_START_MS - 5_000);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      // Up to the last line that it prints: the chunks may come in pieces.
      const found = /runs at (http:\S+)[^]*sample:migrate/.exec(output)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    });
    void exit.then(() => {
      clearTimeout(timer);
      fail('ended');
    });
  });
  // Whoever does not wait for it may end it before it listens.
  started.catch(() => {});
  return { process: child, started, exit, output: () => output, errors: () => errors };
}
