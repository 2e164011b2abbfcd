import { Logger } from '@nestjs/common';

/** The one context that everything of this package is logged with. */
export const logger = new Logger('PrometheusMigrations');

/** What a log may tell of an error of somebody else: its message may name hosts or quote SQL. */
export function nameOfError(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
