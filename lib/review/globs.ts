import { createRequire } from 'node:module';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';

type GlobSync = (pattern: string, options: { cwd: string; absolute: true }) => string[];

/** Paths as TypeORM finds them, with the package that it has for that; `undefined` if it has another one. */
export function globSyncOf(folder: string): GlobSync | undefined {
  try {
    const ofProject = createRequire(join(folder, 'data-source.js'));
    const ofTypeorm = createRequire(ofProject.resolve('typeorm'));
    for (const name of ['tinyglobby', 'glob']) {
      const { globSync } = loaded(ofTypeorm, name) as { globSync?: GlobSync };
      if (globSync !== undefined) return globSync;
    }
  } catch {
    // TypeORM is somewhere else.
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

/** The paths from a root that globs stand for, in a folder below it; `undefined` if one may lead out of it. */
export function globsBelow(root: string, folder: string, globs: readonly string[]): string[] | undefined {
  const below = globs.map((glob) => {
    const path = relative(root, isAbsolute(glob) ? glob : resolve(folder, glob));
    const leadsOut = path.startsWith('..') || isAbsolute(path) || glob.startsWith('!');
    return leadsOut ? undefined : path.replaceAll(sep, '/');
  });
  return below.every((path) => path !== undefined) ? below : undefined;
}

/** The folder below which a glob finds all that it finds, with a slash at its end. */
export function folderOf(glob: string): string {
  const [fixed = ''] = /^[^*?{}[\]()!+@]*/.exec(glob) ?? [];
  return fixed.slice(0, fixed.lastIndexOf('/') + 1);
}

const SOURCE = /\.[cm]?[jt]s$/;

/** Whether TypeORM would load a file that its globs match. */
export function isSource(path: string): boolean {
  return SOURCE.test(path) && !path.endsWith('.d.ts');
}
