import { isAbsolute, relative, sep } from 'node:path';
import { migrationTimestamp } from '../migration/state';
import type { LoadedMigration, SourceMigration } from './migration';
import { ReviewError } from './review-error';

/**
 * Finds the files that define migrations. Skips migrations of installed packages, which git does not have.
 *
 * @param root - of the working tree, or of a copy
 * @param textOf - returns the text of a file, by its path from the root
 * @throws {@link ReviewError} for a migration whose file is not below the root
 */
export function located(
  migrations: readonly LoadedMigration[],
  root: string,
  textOf: (path: string) => string,
): SourceMigration[] {
  const found = new Map<string, SourceMigration>();
  for (const { name, file } of migrations) {
    const path = file === undefined ? undefined : pathBelow(root, file);
    if (file !== undefined && isInstalled(file)) continue;
    if (path === undefined) {
      throw new ReviewError(
        `${name} is defined in ${file ?? 'no file'}, which is not in the repository. Load it from the sources, not from a link or a bundle.`,
      );
    }
    const timestamp = migrationTimestamp(name);
    if (Number.isNaN(timestamp)) continue;
    // A class that is exported twice counts once.
    found.set(`${name}\n${path}`, { name, timestamp, file: path, text: textOf(path) });
  }
  return [...found.values()].sort((one, other) => one.timestamp - other.timestamp);
}

/** Returns a file's path relative to a folder, with slashes; `undefined` if the file is not below it. */
export function pathBelow(root: string, file: string): string | undefined {
  const path = relative(root, file);
  return path.startsWith(`..${sep}`) || path === '..' || isAbsolute(path)
    ? undefined
    : path.replaceAll(sep, '/');
}

export function isInstalled(file: string): boolean {
  return /[\\/]node_modules[\\/]/.test(file);
}
