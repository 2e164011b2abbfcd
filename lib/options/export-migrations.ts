import { clock } from '../clock';
import { logger, nameOfError } from '../logger';
import { describe } from '../prometheus-migrations.errors';
import type { ResolvedModuleOptions } from './option.types';

/**
 * What the option `exportMigrations` says. A function that fails, takes longer than the start may be
 * held, or answers no boolean, counts as `false`.
 */
export async function asksToExport({
  exportMigrations,
  timeout,
}: Pick<ResolvedModuleOptions, 'exportMigrations' | 'timeout'>): Promise<boolean> {
  if (typeof exportMigrations === 'boolean') return exportMigrations;
  try {
    const answer: unknown = await withTimeout(exportMigrations, timeout);
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

async function withTimeout(ask: () => boolean | Promise<boolean>, timeout: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = clock.setTimeout(() => reject(new TimeoutError()), timeout);
  });
  try {
    return await Promise.race([ask(), late]);
  } finally {
    clock.clearTimeout(timer);
  }
}

class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}
