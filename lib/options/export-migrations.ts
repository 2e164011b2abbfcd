import { within } from '../clock';
import { logger, nameOfError } from '../logger';
import { describe } from '../prometheus-migrations.errors';
import type { ResolvedModuleOptions } from './option.types';

/**
 * Evaluates the option `exportMigrations`. A function that fails, exceeds `timeout` or returns no boolean
 * counts as `false`.
 */
export async function asksToExport({
  exportMigrations,
  timeout,
}: Pick<ResolvedModuleOptions, 'exportMigrations' | 'timeout'>): Promise<boolean> {
  if (typeof exportMigrations === 'boolean') return exportMigrations;
  try {
    const answer: unknown = await within(timeout, exportMigrations(), late);
    if (typeof answer === 'boolean') return answer;
    warn(`answered ${describe(answer)}`);
  } catch (error) {
    warn(`failed (${nameOfError(error)})`);
  }
  return false;
}

function warn(what: string): void {
  logger.warn(
    `The exportMigrations function ${what}: no migrations are exported. Let it return true or false.`,
  );
}

class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

function late(): never {
  throw new TimeoutError();
}
