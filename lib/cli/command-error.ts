import { PrometheusMigrationsError } from '../prometheus-migrations.errors';
import { withoutSecrets } from './secrets';

/** Thrown if a command cannot do its work: one line for stderr, and exit code 2. */
export class CommandError extends PrometheusMigrationsError {}

/**
 * Returns the printable part of an error from a user's file, as a sentence: its name and the first line of
 * its message, without passwords. For an error with a code of a driver or of the system: only name and code.
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
  // The message of JSON.parse() quotes its input.
  const isJson = error.name === 'SyntaxError' && line.includes('JSON') && !line.startsWith('"undefined"');
  return `${error.name}: ${isJson ? 'a text is not valid JSON' : line}`;
}

const LONGEST = 300;

/**
 * Returns the first line. If that is only `[` or ends with a colon, as in messages of validation libraries,
 * it adds the next text.
 */
function firstSentence(message: string): string {
  const [first = '', ...rest] = message.split('\n').map((line) => line.trim());
  if (!/\w/.test(first)) return [first, ...rest].join(' ').trim();
  return first.endsWith(':') ? `${first} ${rest.find((line) => line !== '') ?? ''}`.trim() : first;
}

/** Errors of another realm are not instances of this realm's `Error`. */
function isErrorLike(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && 'message' in error && 'name' in error;
}
