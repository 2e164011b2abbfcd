import { execFileSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { ReviewError } from './review-error';

/** Variables that point git to another repository. A git hook sets them. */
const ELSEWHERE = [
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_COMMON_DIR',
  'GIT_DIR',
  'GIT_INDEX_FILE',
  'GIT_NAMESPACE',
  'GIT_OBJECT_DIRECTORY',
  'GIT_PREFIX',
  'GIT_WORK_TREE',
];
/** No lock on the index, no prompt, and no network, even for missing files of a partial clone. */
const READ_ONLY = {
  GIT_OPTIONAL_LOCKS: '0',
  GIT_TERMINAL_PROMPT: '0',
  GIT_NO_LAZY_FETCH: '1',
  GIT_ALLOW_PROTOCOL: 'none',
  LC_ALL: 'C',
};
/** Prevents git from running programs of the repository's configuration. */
const NO_PROGRAMS = ['core.fsmonitor=false', 'core.untrackedCache=false', 'core.hooksPath=/dev/null'];
/** Number of blobs read by one git process. */
const BATCH = 2000;

export const SYMLINK = '120000';
const SUBMODULE = '160000';

/** Runs git in a folder, without a shell. */
function git(folder: string, args: readonly string[], input = ''): Buffer {
  const env: NodeJS.ProcessEnv = { ...process.env, ...READ_ONLY };
  for (const name of ELSEWHERE) Reflect.deleteProperty(env, name);
  const configuration = NO_PROGRAMS.flatMap((setting) => ['-c', setting]);
  return execFileSync('git', ['--no-pager', ...configuration, ...args], {
    cwd: folder,
    env,
    input,
    maxBuffer: Infinity,
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
  });
}

/** Returns git's output; `undefined` if it fails. */
function tryGit(folder: string, args: readonly string[]): string | undefined {
  try {
    return git(folder, args).toString().trim();
  } catch {
    return undefined;
  }
}

/** A repository with a working tree. All methods only read. */
export class Repository {
  private constructor(readonly root: string) {}

  /** @throws {@link ReviewError} if the folder is not in a repository */
  static at(folder: string): Repository {
    try {
      const root = git(folder, ['rev-parse', '--show-toplevel']).toString();
      return new Repository(realpathSync(root.replace(/\r?\n$/, '')));
    } catch (error) {
      throw noRepository(folder, error);
    }
  }

  /** Returns `undefined` instead of throwing. */
  static around(folder: string): Repository | undefined {
    try {
      return Repository.at(folder);
    } catch {
      return undefined;
    }
  }

  /**
   * Resolves a ref to a commit.
   *
   * @throws {@link ReviewError} if there is none
   */
  commit(ref: string): string {
    if (ref.startsWith('-')) {
      throw new ReviewError(
        `--base is "${ref}", which is not a ref. Give a branch, as origin/main, a tag or a commit.`,
      );
    }
    const commit = this.commitOf(ref);
    if (commit !== undefined) {
      this.checkAmbiguity(ref);
      return commit;
    }
    if (this.isShallow()) throw new ReviewError(`${ref} is not in this clone. ${SHALLOW}`);
    const remote = /^([^/]+)\/(.+)$/.exec(ref);
    const fetch = remote === null ? '' : ` Fetch it: git fetch ${remote[1]} ${remote[2]}.`;
    throw new ReviewError(
      `--base is "${ref}", which is not in this clone.${fetch} \`git branch --all\` lists the branches.`,
    );
  }

  private commitOf(ref: string): string | undefined {
    return tryGit(this.root, ['rev-parse', '--verify', '--quiet', `${ref}^{commit}`]);
  }

  /** git would use the tag and warn only on stderr. */
  private checkAmbiguity(ref: string): void {
    const full = ['refs/tags/', 'refs/heads/', 'refs/remotes/'].map((kind) => `${kind}${ref}`);
    const commits = new Map(full.map((name) => [name, this.commitOf(name)]));
    const known = full.filter((name) => commits.get(name) !== undefined);
    if (new Set(known.map((name) => commits.get(name))).size < 2) return;
    throw new ReviewError(`--base is "${ref}", which is ${known.join(' and ')}. Name one of them in full.`);
  }

  /**
   * Finds the merge bases of HEAD and a commit: several if each was merged into the other.
   *
   * @throws {@link ReviewError} if this clone knows no common commit
   */
  mergeBases(ref: string, commit: string): [string, ...string[]] {
    const head = this.commitOf('HEAD');
    if (head === undefined)
      throw new ReviewError('This branch has no commit yet: there is nothing to compare.');
    const found = tryGit(this.root, ['merge-base', '--all', commit, head]);
    if (found !== undefined) return found.split('\n') as [string, ...string[]];
    if (this.isShallow())
      throw new ReviewError(`This clone does not reach back to the merge base with ${ref}. ${SHALLOW}`);
    throw new ReviewError(
      `HEAD and ${ref} have no commit in common. Name the branch that this one is merged into.`,
    );
  }

  private isShallow(): boolean {
    return tryGit(this.root, ['rev-parse', '--is-shallow-repository']) === 'true';
  }

  /** Reads the file list of a commit, including submodules. */
  tree(commit: string): Tree {
    const tree = new Tree(commit);
    tree.add(this.root, commit, '');
    return tree;
  }

  /** Lists the paths of the working tree that git tracks or would track, but not ignored ones. */
  files(): Set<string> {
    return new Set(workingFiles(this.root, ''));
  }

  /** Lists the paths that a sparse checkout omits. */
  leftOut(): string[] {
    return list(this.root, ['ls-files', '-z', '-t'])
      .filter((line) => line.startsWith('S '))
      .map((line) => line.slice(2))
      .filter((path) => !existsSync(join(this.root, path)));
  }
}

const SHALLOW =
  'It is a shallow clone: fetch all of the history (fetch-depth: 0 for actions/checkout, GIT_DEPTH: 0 for GitLab, or git fetch --unshallow).';

function noRepository(folder: string, error: unknown): ReviewError {
  const { code, stderr } = error as { code?: unknown; stderr?: Buffer };
  if (code === 'ENOENT') return new ReviewError('git cannot be run. Install it where this command runs.');
  const [line = ''] = String(stderr)
    .replace(/^fatal: /, '')
    .split('\n');
  if (/dubious ownership/.test(line)) {
    // git checks the repository's root, not the current folder.
    const [, root = folder] = /'(.+)'/.exec(line) ?? [];
    return new ReviewError(
      `git refuses ${root}, because another user owns it. Allow it: git config --global --add safe.directory ${root}`,
    );
  }
  return new ReviewError(
    `${folder} is in no git repository with a working tree (${line}). Run the command in a clone.`,
  );
}

function list(folder: string, args: readonly string[]): string[] {
  return git(folder, args).toString().split('\0').filter(Boolean);
}

function* workingFiles(folder: string, prefix: string): Iterable<string> {
  for (const line of list(folder, ['ls-files', '-z', '--stage'])) {
    const [, mode, path = ''] = /^(\d+) \w+ \d\t(.+)$/s.exec(line) ?? [];
    if (mode !== SUBMODULE) yield prefix + path;
    else if (isCheckedOut(join(folder, path))) yield* workingFiles(join(folder, path), `${prefix}${path}/`);
  }
  for (const path of list(folder, ['ls-files', '-z', '--others', '--exclude-standard'])) yield prefix + path;
}

function isCheckedOut(submodule: string): boolean {
  return existsSync(join(submodule, '.git'));
}

interface Entry {
  /** Folder of the repository that contains it: a submodule has its own. */
  readonly folder: string;
  readonly mode: string;
  readonly id: string;
}

/** The files of a commit, by their paths from the repository's root. */
export class Tree {
  readonly entries = new Map<string, Entry>();
  /** Paths of submodules whose commit is missing in this clone. */
  readonly missing: string[] = [];

  constructor(readonly commit: string) {}

  /** Adds the files of a commit below a path. */
  add(folder: string, commit: string, prefix: string): void {
    for (const line of list(folder, ['ls-tree', '-r', '-z', '--full-tree', commit])) {
      const [, mode = '', id = '', name = ''] = /^(\d+) \w+ (\w+)\t(.+)$/s.exec(line) ?? [];
      if (mode === SUBMODULE) this.addSubmodule(join(folder, name), id, prefix + name);
      else this.entries.set(prefix + name, { folder, mode, id });
    }
  }

  private addSubmodule(folder: string, commit: string, path: string): void {
    const isThere =
      isCheckedOut(folder) &&
      tryGit(folder, ['rev-parse', '--verify', '--quiet', `${commit}^{tree}`]) !== undefined;
    if (isThere) this.add(folder, commit, `${path}/`);
    else this.missing.push(path);
  }

  has(path: string): boolean {
    return this.entries.has(path);
  }

  /**
   * Reads the contents of files, by path. Skips paths that the commit does not have.
   *
   * @throws {@link ReviewError} if this clone lacks the content of one
   */
  read(paths: Iterable<string>): Map<string, Buffer> {
    const contents = new Map<string, Buffer>();
    for (const [folder, wanted] of this.byRepository(paths)) {
      for (let start = 0; start < wanted.length; start += BATCH) {
        readBlobs(folder, wanted.slice(start, start + BATCH), contents);
      }
    }
    return contents;
  }

  private byRepository(paths: Iterable<string>): Map<string, Wanted[]> {
    const repositories = new Map<string, Wanted[]>();
    for (const path of paths) {
      const entry = this.entries.get(path);
      if (entry === undefined) continue;
      const wanted = repositories.get(entry.folder) ?? [];
      wanted.push({ path, id: entry.id });
      repositories.set(entry.folder, wanted);
    }
    return repositories;
  }
}

interface Wanted {
  readonly path: string;
  readonly id: string;
}

/** Source: `git cat-file --batch` prints `<id> blob <size>`, the content and a line end for each. */
function readBlobs(folder: string, wanted: readonly Wanted[], contents: Map<string, Buffer>): void {
  const output = blobs(folder, wanted);
  let position = 0;
  for (const { path } of wanted) {
    const end = output.indexOf('\n', position);
    const [, size] = / blob (\d+)$/.exec(output.toString('utf8', position, end)) ?? [];
    if (size === undefined) throw partial(path);
    contents.set(path, output.subarray(end + 1, end + 1 + Number(size)));
    position = end + 1 + Number(size) + 1;
  }
}

/** Before 2.44, git exits at the first blob that it may not fetch. */
function blobs(folder: string, wanted: readonly Wanted[]): Buffer {
  try {
    return git(folder, ['cat-file', '--batch'], wanted.map(({ id }) => `${id}\n`).join(''));
  } catch {
    throw partial('A file');
  }
}

function partial(what: string): ReviewError {
  return new ReviewError(
    `${what} of the base is not in this clone, which is a partial clone. Clone without --filter, or check out the base once.`,
  );
}
