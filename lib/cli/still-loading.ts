import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DataSource } from 'typeorm';
import { requireFrom, resolveFrom } from './import-from';
import { isEsModule } from './package-type';
import { withTimeout } from './with-timeout';

/** Milliseconds that the application's files may take to load. */
export const LOADING = 60_000;
/** Milliseconds in which a loaded file resolves when it is imported again. */
const AT_ONCE = 100;

/** Thrown if a DataSource is not ready because one of its files does not finish loading. */
export class StillLoadingError extends Error {
  override readonly name = 'StillLoadingError';
}

/**
 * Waits for an `initialize()`, which loads the migration files.
 *
 * @param limit - milliseconds that it may take
 * @throws an error that names the file, if it is known, or else the globs
 */
export async function initialized<T>(work: Promise<T>, { options }: DataSource, limit: number): Promise<T> {
  const late = new StillLoadingError();
  try {
    return await withTimeout(work, limit, () => late);
  } catch (error) {
    if (error !== late) throw error;
    const globs = globsOf(options.migrations);
    const [file = globs.join(', ')] = await stillLoading(globs);
    late.message = `${file}: not loaded within ${limit / 1000} s. Look for an await at its top level that never settles`;
    throw late;
  }
}

function globsOf(migrations: unknown): string[] {
  return Object.values(migrations ?? {}).filter((item): item is string => typeof item === 'string');
}

/** Finds the ES modules that do not resolve when they are imported again. */
async function stillLoading(globs: readonly string[]): Promise<string[]> {
  const late: string[] = [];
  for (const file of filesOf(globs).filter(isEsModule)) {
    const again = import(pathToFileURL(file).href).catch(() => undefined);
    await withTimeout(again, AT_ONCE, () => new StillLoadingError()).catch(() => late.push(file));
  }
  return late;
}

type Glob = (patterns: readonly string[], options: { absolute: true }) => string[];

/** Finds the files with TypeORM's own glob package. */
function filesOf(globs: readonly string[]): string[] {
  const typeorm = resolveFrom(process.cwd(), 'typeorm');
  for (const name of ['tinyglobby', 'glob']) {
    if (typeorm === undefined || resolveFrom(dirname(typeorm), name) === undefined) continue;
    const { globSync } = requireFrom(dirname(typeorm), name) as { globSync?: Glob };
    if (globSync !== undefined) return globSync(globs, { absolute: true });
  }
  return [];
}
