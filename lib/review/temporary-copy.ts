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

/** Files that are written before the next ones are read. */
const BATCH = 2000;

/** Files of a commit in a folder outside the repository. */
export class TemporaryCopy {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'migrations-review-')));

  /** @param isWanted - decides by its path whether a file is written */
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

  /** Lets the copy find what is installed in the working tree, and the environment files that git ignores. */
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

  /** A package of the workspace is a link into the working tree: the copy has its own. */
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

  /** Where the copy has a package of the workspace; `undefined` for one that is installed. */
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
