import { createRequire } from 'node:module';
import { join } from 'node:path';
import { constants, Script } from 'node:vm';

/** Loads a CommonJS module as a file in that folder would. */
export function requireFrom(folder: string, specifier: string): unknown {
  return createRequire(join(folder, 'data-source.js'))(specifier);
}

/** Resolves a package as a file in that folder would; `undefined` if it is missing. */
export function resolveFrom(folder: string, specifier: string): string | undefined {
  try {
    return createRequire(join(folder, 'data-source.js')).resolve(specifier);
  } catch {
    return undefined;
  }
}

/**
 * Loads an ES module as a file in that folder would. A plain `import()` resolves packages from this file, and
 * `require.resolve` does not see exports with only the condition `import`.
 */
export async function importFrom(folder: string, specifier: string): Promise<unknown> {
  const script = new Script('(specifier) => import(specifier)', {
    filename: join(folder, 'data-source.js'),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const load = script.runInThisContext() as (specifier: string) => Promise<unknown>;
  return withoutWarning(() => load(specifier));
}

/**
 * Suppresses the warning of Node.js 20 that this is experimental, which would clutter a pipeline's output.
 */
function withoutWarning<T>(call: () => T): T {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return call();
  } finally {
    process.emitWarning = emitWarning;
  }
}
