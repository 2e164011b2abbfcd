import { PrometheusMigrationsError } from '../prometheus-migrations.errors';

/** What the command line was asked to do cannot be done: one line for stderr, and exit code 2. */
export class CommandError extends PrometheusMigrationsError {}

/**
 * What may be shown of an error that a user's file has thrown: its name and the first line of its
 * message as a sentence, without passwords. Of an error with a driver's or the system's code, only that.
 */
export function shortMessage(error: unknown): string {
  try {
    if (!(error instanceof Error) && !isErrorLike(error)) return `a thrown ${typeof error}`;
    const { code } = error as { code?: unknown };
    const isDrivers = typeof code === 'string' && !/^(ERR_|MODULE_NOT_FOUND$)/.test(code);
    if (isDrivers || 'driverError' in error) return `${error.name} (${String(code).slice(0, 40)}).`;
    const line = String(error.message).split('\n', 1)[0] ?? '';
    const message = `${error.name}: ${withoutSecrets(line)}`;
    if (message.length > LONGEST) return `${message.slice(0, LONGEST)}…`;
    return /[.!?]$/.test(message) ? message : `${message}.`;
  } catch {
    return 'an error that cannot be shown';
  }
}

const LONGEST = 300;

/** Errors of another realm are no instances of this one's `Error`. */
function isErrorLike(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && 'message' in error && 'name' in error;
}

/** What stands for credentials in a URL, and after words such as `password`. */
function withoutSecrets(text: string): string {
  return text
    .replace(/([a-z][\w+.-]*:\/\/)[^\s'"]*/gi, '$1…')
    .replace(/((?:pass(?:word|wd|phrase)?|pwd|secret|token)["']?\s*[=:]\s*)(?:"[^"]*"|'[^']*'|\S+)/gi, '$1…');
}
