import type * as common from '@nestjs/common';

type Level = 'log' | 'warn' | 'error';

/** Where messages go. */
export type LogSink = Readonly<Record<Level, (message: string) => void>>;

let sink: LogSink | undefined;

/** Sends messages to `other` instead of Nest's logger: the command line runs without Nest. */
export function logTo(other: LogSink): void {
  sink = other;
}

/** The one logger of this package. A message is one line: a name from outside cannot add another. */
export const logger = {
  log: (message: string) => tell('log', message),
  warn: (message: string) => tell('warn', message),
  error: (message: string) => tell('error', message),
};

/** The application's own logger may throw: a collection is worth more than its line in the log. */
function tell(level: Level, message: string): void {
  try {
    (sink ??= nestLogger())[level](oneLine(message));
  } catch {
    // There is nowhere left to log it.
  }
}

/** Loaded with the first message, because Nest takes longer to load than the command line to answer. */
function nestLogger(): LogSink {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const { Logger } = require('@nestjs/common') as typeof common;
    return new Logger('PrometheusMigrations');
  } catch {
    return { log: toStderr, warn: toStderr, error: toStderr };
  }
}

/** Without Nest. The stdout of a script may be its metrics. */
function toStderr(message: string): void {
  console.error(`[PrometheusMigrations] ${message}`);
}

// Control characters, and what terminals and log viewers take for the end of a line.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

export function oneLine(message: string): string {
  return message.replace(CONTROL, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** The name of somebody else's error. Its message may name hosts or quote SQL, and is not logged. */
export function nameOfError(error: unknown): string {
  try {
    return error instanceof Error && typeof error.name === 'string' ? error.name : typeof error;
  } catch {
    return 'unknown error';
  }
}
