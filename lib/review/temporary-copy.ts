import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { SYMLINK, type Tree } from './git';

/** Number of files to read and write at a time. */
const BATCH = 2000;

/** A copy of a commit's files in a folder outside the repository. */
export class TemporaryCopy {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'migrations-review-')));

  /** @param isWanted - decides by its path whether to write a file */
  constructor(tree: Tree, isWanted: (path: string) => boolean = () => true) {
    const paths = [...tree.entries.keys()].filter(isWanted);
    try {
      for (let start = 0; start < paths.length; start += BATCH) {
        this.write(tree, paths.slice(start, start + BATCH));
      }
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  private write(tree: Tree, paths: readonly string[]): void {
    for (const [path, content] of tree.read(paths)) {
      const file = join(this.root, path);
      mkdirSync(dirname(file), { recursive: true });
      if (tree.entries.get(path)?.mode === SYMLINK) symlinkSync(content.toString(), file);
      else writeFileSync(file, content);
    }
  }

  /**
   * Links the installed packages of the working tree into the copy, and the environment files that git
   * ignores.
   */
  linkInstalled(workingTree: string, folders: Iterable<string>): void {
    for (const folder of new Set(['', ...folders])) {
      const installed = join(workingTree, folder, 'node_modules');
      if (existsSync(installed))
        this.linkPackages(installed, join(this.root, folder, 'node_modules'), workingTree);
      for (const name of environmentFiles(join(workingTree, folder))) {
        const link = join(this.root, folder, name);
        if (!existsSync(link)) symlinkSync(join(workingTree, folder, name), link);
      }
    }
  }

  /**
   * Links the packages. A workspace package links into the working tree, so the copy links its own instead.
   */
  private linkPackages(from: string, to: string, workingTree: string): void {
    if (existsSync(to)) return;
    const packages = packagesIn(from);
    const own = packages.map((name) => this.ownPackage(join(from, name), workingTree));
    mkdirSync(dirname(to), { recursive: true });
    if (own.every((target) => target === undefined)) {
      symlinkSync(realpathSync(from), to, 'junction');
      return;
    }
    packages.forEach((name, index) => {
      mkdirSync(dirname(join(to, name)), { recursive: true });
      symlinkSync(own[index] ?? join(from, name), join(to, name), 'junction');
    });
  }

  /** Returns the copy's folder of a workspace package; `undefined` for an installed package. */
  private ownPackage(link: string, workingTree: string): string | undefined {
    if (!lstatSync(link).isSymbolicLink() || !existsSync(link)) return undefined;
    const path = relative(workingTree, realpathSync(link));
    const isInstalled = path.startsWith('..') || path.split(sep).includes('node_modules');
    const target = join(this.root, path);
    return isInstalled || !existsSync(target) ? undefined : target;
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

function packagesIn(folder: string): string[] {
  return readdirSync(folder).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(folder, name)).map((each) => join(name, each)) : [name],
  );
}

function environmentFiles(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter((name) => /^\.env(\.|$)/.test(name)) : [];
}
