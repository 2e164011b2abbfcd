import { PrometheusMigrationsError } from '../prometheus-migrations.errors';
import { withoutSecrets } from './secrets';

/** What the command line was asked to do cannot be done: one line for stderr, and exit code 2. */
export class CommandError extends PrometheusMigrationsError {}

/**
 * What may be shown of an error that a user's file has thrown, as a sentence: its name and the first line
 * of its message, without passwords. Of an error with a driver's or the system's code, only that.
 */
export function shortMessage(error: unknown): string {
  try {
    const text = withoutSecrets(textOf(error));
    const short = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
    return /[.!?…]$/.test(short) ? short : `${short}.`;
  } catch {
    return 'an error that cannot be shown.';
  }
}

function textOf(error: unknown): string {
  if (!(error instanceof Error) && !isErrorLike(error)) return `a thrown ${typeof error}`;
  const { code } = error as { code?: unknown };
  const isDrivers = typeof code === 'string' && !/^(ERR_|MODULE_NOT_FOUND$)/.test(code);
  if (isDrivers) return `${error.name} (${code.slice(0, 40)})`;
  if ('driverError' in error) return error.name;
  const line = firstSentence(String(error.message));
  // JSON.parse() quotes what it was given, or a piece of it.
  const isJson = error.name === 'SyntaxError' && line.includes('JSON') && !line.startsWith('"undefined"');
  return `${error.name}: ${isJson ? 'a text is not valid JSON' : line}`;
}

const LONGEST = 300;

/** The first line, and what it announces: a library for validation has `[` there, or `failed the validation:`. */
function firstSentence(message: string): string {
  const [first = '', ...rest] = message.split('\n').map((line) => line.trim());
  if (!/\w/.test(first)) return [first, ...rest].join(' ').trim();
  return first.endsWith(':') ? `${first} ${rest.find((line) => line !== '') ?? ''}`.trim() : first;
}

/** Errors of another realm are no instances of this one's `Error`. */
function isErrorLike(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && 'message' in error && 'name' in error;
}
