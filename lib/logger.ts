import type * as common from '@nestjs/common';

type Level = 'log' | 'warn' | 'error';

/** Receiver of log messages. */
export type LogSink = Readonly<Record<Level, (message: string) => void>>;

let sink: LogSink | undefined;

/** Sends messages to `other` instead of Nest's logger. The command line runs without Nest. */
export function logTo(other: LogSink): void {
  sink = other;
}

/** The logger of this package. A message is always one line: a name from outside cannot add another. */
export const logger = {
  log: (message: string) => write('log', message),
  warn: (message: string) => write('warn', message),
  error: (message: string) => write('error', message),
};

/** Never throws: the application's logger may fail, and a collection must not. */
function write(level: Level, message: string): void {
  try {
    (sink ??= nestLogger())[level](oneLine(message));
  } catch {
    // There is no other place to log it.
  }
}

/** Loads Nest's logger at the first message, because loading Nest takes longer than a command. */
function nestLogger(): LogSink {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const { Logger } = require('@nestjs/common') as typeof common;
    return new Logger('PrometheusMigrations');
  } catch {
    return { log: toStderr, warn: toStderr, error: toStderr };
  }
}

/** Logs without Nest, to stderr: the stdout of a script may be its metrics. */
function toStderr(message: string): void {
  console.error(`[PrometheusMigrations] ${message}`);
}

// Control characters, and characters that terminals and log viewers treat as line ends.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

export function oneLine(message: string): string {
  return message.replace(CONTROL, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Returns the name of an error from outside. Its message may contain hosts or SQL and is not logged. */
export function nameOfError(error: unknown): string {
  try {
    return error instanceof Error && typeof error.name === 'string' ? error.name : typeof error;
  } catch {
    return 'unknown error';
  }
}
