import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { migrationTimestamp } from '../migration/state';
import type { WorkingTree } from './base';
import type { SourceReader } from './code';
import type { Tree } from './git';
import { isSource } from './globs';
import { type SourceMigration, withUnixLineEnds } from './migration';

/**
 * Finds migration classes in new files that no DataSource loads. It searches the folders that have migrations
 * of this DataSource, here or in the base, and new folders below them. An older folder may belong to another
 * DataSource.
 *
 * @param migrations - of one DataSource, in each state of the code
 * @param trees - of the base: a file that is in one of them is not new
 */
export function forgottenMigrations(
  migrations: readonly SourceMigration[],
  here: WorkingTree,
  trees: readonly Tree[],
  reader: SourceReader,
): SourceMigration[] {
  const isOld = (path: string) => trees.some((tree) => tree.has(path));
  const known = new Set(migrations.map(({ file }) => dirname(file)));
  const old = new Set(trees.flatMap((tree) => [...tree.entries.keys()].map(dirname)));
  const isOfMigrations = (folder: string): boolean =>
    known.has(folder) || (folder !== '.' && !old.has(folder) && isOfMigrations(dirname(folder)));
  const loaded = new Set([...here.migrations.values()].flat().map(({ name, file }) => `${name}\n${file}`));
  return [...here.files]
    .filter((path) => isSource(path) && isOfMigrations(dirname(path)) && !isOld(path))
    .filter((path) => existsSync(join(here.root, path)))
    .flatMap((file) => {
      const text = withUnixLineEnds(readFileSync(join(here.root, file)));
      return reader
        .classesIn(file, text)
        .filter(({ name, hasUp }) => hasUp && /\d{13}$/.test(name) && !loaded.has(`${name}\n${file}`))
        .map(({ name }) => ({ name, timestamp: migrationTimestamp(name), file, text }));
    });
}
