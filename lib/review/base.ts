import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SourceReader } from './code';
import { SYMLINK, type Tree } from './git';
import { folderOf, globsBelow, globSyncOf, isSource } from './globs';
import { isInstalled, located, pathBelow } from './located';
import { type LoadedSources, type SourceMigration, withUnixLineEnds } from './migration';
import { TemporaryCopy } from './temporary-copy';
import { migrationTimestamp } from '../migration/state';

/** The migrations of each connection. */
export type Migrations = ReadonlyMap<string, readonly SourceMigration[]>;

/** The working tree, and the migrations that TypeORM loads there. */
export interface WorkingTree {
  readonly root: string;
  /** The folder to which paths of the option `migrations` are relative. */
  readonly folder: string;
  /** A folder from which the project's packages resolve. */
  readonly project: string;
  readonly loaded: LoadedSources;
  readonly migrations: Migrations;
  /** Paths that git tracks or would track. */
  readonly files: ReadonlySet<string>;
}

/** Files that no DataSource needs and that may be large. */
const MEDIA = /\.(png|jpe?g|gif|webp|avif|ico|mp[34]|mov|webm|woff2?|ttf|otf|pdf|zip|t?gz|jar|snap)$/i;

/**
 * Finds the migrations that TypeORM would load from a commit. If the commit has the same DataSource files as
 * the working tree, its paths find them in git. Otherwise, or if a file is not plain, the DataSource is
 * loaded from a temporary copy.
 *
 * @param loadCopy - loads the DataSources of a copy
 */
export async function migrationsOf(
  tree: Tree,
  here: WorkingTree,
  reader: SourceReader,
  loadCopy: (root: string) => Promise<LoadedSources>,
): Promise<Migrations> {
  return fromGit(tree, here, reader) ?? fromCopy(tree, here, loadCopy);
}

function fromGit(tree: Tree, here: WorkingTree, reader: SourceReader): Migrations | undefined {
  const found = new Map<string, readonly SourceMigration[]>();
  if (!isSameDataSource(tree, here)) return undefined;
  const globSync = globSyncOf(here.project);
  const lists = here.loaded.connections.map(({ globs }) => globs);
  if (globSync === undefined || !lists.every((globs) => globs !== undefined)) return undefined;
  const below = globsBelow(here.root, here.folder, lists.flat());
  if (below === undefined) return undefined;
  const folders = below.map(folderOf);
  const isWanted = (path: string) =>
    folders.some((folder) => path.startsWith(folder)) &&
    !isInstalled(`/${path}`) &&
    (isSource(path) || tree.entries.get(path)?.mode === SYMLINK);
  const copy = new TemporaryCopy(tree, isWanted);
  try {
    for (const { connection, globs = [] } of here.loaded.connections) {
      const paths = (root: string) =>
        filesOf(root, globsBelow(here.root, here.folder, globs) ?? [], globSync);
      const migrations = here.migrations.get(connection) ?? [];
      const matched = new Set(paths(here.root));
      if (!migrations.every(({ file }) => matched.has(file))) return undefined;
      const inFiles = plainMigrations(paths(copy.root), copy.root, here, migrations, reader);
      if (inFiles === undefined) return undefined;
      found.set(connection, inFiles);
    }
    return found;
  } finally {
    copy.remove();
  }
}

/** Whether the files that define the DataSource are the same in the commit and in the working tree. */
function isSameDataSource(tree: Tree, { root, loaded, files }: WorkingTree): boolean {
  const paths = loaded.files
    .filter((file) => !isInstalled(file))
    .flatMap((file) => pathBelow(root, file) ?? [])
    .filter((path) => tree.has(path) || files.has(path));
  const before = tree.read(paths);
  return paths.every((path) => {
    const content = before.get(path);
    return content !== undefined && withUnixLineEnds(content) === textOf(root, path);
  });
}

type Find = NonNullable<ReturnType<typeof globSyncOf>>;

function filesOf(root: string, globs: readonly string[], globSync: Find): string[] {
  const files = globs.flatMap((glob) => globSync(glob, { cwd: root, absolute: true }));
  const paths = files.filter(isSource).flatMap((file) => pathBelow(root, file) ?? []);
  return [...new Set(paths)];
}

/** A file that re-exports: it may be unchanged and still export other migrations. */
const REEXPORTS = /\bexport\s*(?:\*|\{[^}]*\}\s*from\b)|__(?:exportStar|reExport)\b/;

/** Finds the migrations in files whose source shows all exports; `undefined` if one does not. */
function plainMigrations(
  paths: readonly string[],
  copy: string,
  { root }: WorkingTree,
  here: readonly SourceMigration[],
  reader: SourceReader,
): SourceMigration[] | undefined {
  const namesHere = new Map<string, string[]>();
  for (const { file, name } of here) namesHere.set(file, [...(namesHere.get(file) ?? []), name]);
  const found: SourceMigration[] = [];
  for (const file of paths) {
    const text = textOf(copy, file);
    const isUnchanged = existsSync(join(root, file)) && textOf(root, file) === text;
    const known = isUnchanged && !REEXPORTS.test(text) ? namesHere.get(file) : undefined;
    const names = known ?? reader.exportedBy(file, text);
    if (names === undefined) return undefined;
    for (const name of names) {
      const timestamp = migrationTimestamp(name);
      // TypeORM requires a timestamp, so the class gets its real name only at run time.
      if (Number.isNaN(timestamp)) return undefined;
      found.push({ name, timestamp, file, text });
    }
  }
  return found.sort((one, other) => one.timestamp - other.timestamp);
}

async function fromCopy(
  tree: Tree,
  { root }: WorkingTree,
  loadCopy: (root: string) => Promise<LoadedSources>,
): Promise<Migrations> {
  const copy = new TemporaryCopy(tree, (path) => !MEDIA.test(path));
  try {
    copy.linkInstalled(root, foldersOf(tree));
    const { connections } = await loadCopy(copy.root);
    return new Map(
      connections.map(({ connection, migrations }) => [
        connection,
        located(migrations, copy.root, (path) => textOf(copy.root, path)),
      ]),
    );
  } finally {
    copy.remove();
  }
}

function foldersOf(tree: Tree): Set<string> {
  const folders = new Set<string>();
  for (const path of tree.entries.keys()) {
    for (let folder = dirname(path); folder !== '.' && !folders.has(folder); folder = dirname(folder))
      folders.add(folder);
  }
  return folders;
}

function textOf(root: string, path: string): string {
  return withUnixLineEnds(readFileSync(join(root, path)));
}
