import { Writable } from 'node:stream';
import { check } from '../../lib/cli/check';
import { CommandError } from '../../lib/cli/command-error';
import { type Command, parseInvocation } from '../../lib/cli/flags';
import { metrics } from '../../lib/cli/metrics';
import { Output } from '../../lib/cli/output';
import { review } from '../../lib/cli/review';
import { MARK } from '../../lib/data-source/brand';
import { logTo } from '../../lib/logger';
import { parseReport } from './report-schema';

/** A stream that keeps what is written. */
export class RecordingStream extends Writable {
  text = '';
  /** As on a terminal. */
  isTTY?: boolean;
  columns?: number;
  /** Called with everything that is written so far. */
  told?: (text: string) => void;

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    this.told?.(this.text);
    done();
  }

  get asStream(): NodeJS.WriteStream {
    return this as unknown as NodeJS.WriteStream;
  }
}

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const COMMANDS: Readonly<Record<Command, typeof check>> = { check, metrics, review };

/**
 * Runs the command in this process, as `main.ts` does in one of its own.
 *
 * @param told - called with what is on stderr, whenever something is
 */
export async function command(args: readonly string[], told?: (text: string) => void): Promise<Result> {
  logTo({ log: () => {}, warn: () => {}, error: () => {} });
  const stdout = new RecordingStream();
  const stderr = new RecordingStream();
  const output = new Output(stdout.asStream, stderr.asStream);
  if (told !== undefined) stderr.told = told;
  const invocation = parseInvocation(args);
  try {
    const code = await COMMANDS[invocation.command ?? 'check'](invocation, output);
    return { code, stdout: stdout.text, stderr: stderr.text };
  } finally {
    // The command never gives it back: its process ends.
    Reflect.deleteProperty(Object.prototype, MARK);
  }
}

/** The connections that `check` reports, in its order. */
export async function connections(...args: string[]): Promise<string[]> {
  const { stdout } = await command(['check', '--json', ...args]);
  return parseReport(stdout).connections.map(({ connection }) => connection);
}

/** The message with which `check` refuses these arguments. */
export async function fault(...args: string[]): Promise<string> {
  try {
    await command(['check', ...args]);
  } catch (error) {
    if (error instanceof CommandError) return error.message;
    throw error;
  }
  throw new Error('It worked.');
}
