import { createRequire } from 'node:module';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';

type GlobSync = (pattern: string, options: { cwd: string; absolute: true }) => string[];

/**
 * Loads the glob package of the project's TypeORM, to find the same paths; `undefined` if it uses another
 * package.
 */
export function globSyncOf(folder: string): GlobSync | undefined {
  try {
    const ofProject = createRequire(join(folder, 'data-source.js'));
    const ofTypeorm = createRequire(ofProject.resolve('typeorm'));
    for (const name of ['tinyglobby', 'glob']) {
      const { globSync } = loaded(ofTypeorm, name) as { globSync?: GlobSync };
      if (globSync !== undefined) return globSync;
    }
  } catch {
    // TypeORM cannot be resolved from this folder.
  }
  return undefined;
}

function loaded(require: NodeJS.Require, name: string): unknown {
  try {
    return require(name);
  } catch {
    return {};
  }
}

/** Makes globs relative to a root; `undefined` if one may leave it. */
export function globsBelow(root: string, folder: string, globs: readonly string[]): string[] | undefined {
  const below = globs.map((glob) => {
    const path = relative(root, isAbsolute(glob) ? glob : resolve(folder, glob));
    const leadsOut = path.startsWith('..') || isAbsolute(path) || glob.startsWith('!');
    return leadsOut ? undefined : path.replaceAll(sep, '/');
  });
  return below.every((path) => path !== undefined) ? below : undefined;
}

/** Returns the fixed folder of a glob, with a trailing slash. */
export function folderOf(glob: string): string {
  const [fixed = ''] = /^[^*?{}[\]()!+@]*/.exec(glob) ?? [];
  return fixed.slice(0, fixed.lastIndexOf('/') + 1);
}

const SOURCE = /\.[cm]?[jt]s$/;

/** Whether TypeORM would load a file that its globs match. */
export function isSource(path: string): boolean {
  return SOURCE.test(path) && !path.endsWith('.d.ts');
}
