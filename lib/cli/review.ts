import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { Allowances, allowancesIn } from '../review/allowances';
import { migrationsOf, type WorkingTree } from '../review/base';
import { SourceReader } from '../review/code';
import { forgottenMigrations } from '../review/forgotten';
import { Repository, type Tree } from '../review/git';
import { isSource } from '../review/globs';
import { githubAnnotations } from '../review/github';
import { type FindingKind, judge, type Judging, type States } from '../review/judge';
import { isInstalled, located, pathBelow } from '../review/located';
import { type LoadedSources, type SourceMigration, withUnixLineEnds } from '../review/migration';
import type { ConnectionReview, ReviewReport } from '../review/report';
import { reviewText } from '../review/text';
import { loadApart } from './apart';
import { CommandError } from './command-error';
import { EXIT } from './exit';
import type { Invocation } from './flags';
import type { Output } from './output';
import { type Sources, sourcesOf } from './sources';
import { writeWhole } from './write-whole';

/** Reviews the migrations of a branch against its base. Resolves to the exit code. */
export async function review(
  invocation: Invocation,
  output: Output,
  decide: (code: number) => void = () => undefined,
  load = loadApart,
): Promise<number> {
  const report = await reportOf(invocation, output, load);
  const { format, output: file } = invocation;
  const text = TEXTS[format]?.(report, file === undefined && output.hasColors) ?? '';
  if (file === undefined) await output.result(text);
  else writeWhole('--output', file, text);
  const code = report.ok ? EXIT.upToDate : EXIT.unapplied;
  decide(code);
  return code;
}

const TEXTS: Readonly<Record<string, (report: ReviewReport, hasColors: boolean) => string>> = {
  text: reviewText,
  json: (report) => `${JSON.stringify(report, undefined, 2)}\n`,
  github: (report, hasColors) => githubAnnotations(report) + reviewText(report, hasColors),
};

type Load = typeof loadApart;

async function reportOf(invocation: Invocation, output: Output, load: Load): Promise<ReviewReport> {
  const { base: ref, quiet } = invocation;
  if (ref === undefined)
    throw new CommandError('review needs the branch to compare with: --base origin/main, or another ref.');
  const sources = sourcesOf(invocation);
  const repository = repositoryOf(sources);
  const commit = repository.commit(ref);
  const mergeBases = repository.mergeBases(ref, commit);
  const [mergeBase] = mergeBases;
  const loaded = await load({ sources, isStrict: true }, process.cwd(), quiet);
  const here = workingTree(repository, sources, loaded);
  for (const line of installed(loaded)) output.note(line);

  const reader = new SourceReader(here.project);
  const stateOf = (id: string, name: string) => {
    const tree = repository.tree(id);
    checkTree(tree, name, here, filesOf(sources));
    const loadCopy = (root: string) => loadFromCopy(root, name, here, sources, quiet, load);
    return { tree, migrations: migrationsOf(tree, here, reader, loadCopy) };
  };
  const tip = stateOf(commit, `${ref} (${short(commit)})`);
  const old = mergeBases.map((id) =>
    id === commit ? tip : stateOf(id, `the merge base with ${ref} (${short(id)})`),
  );
  const [tipMigrations, ...oldMigrations] = await Promise.all(
    [tip, ...old].map(({ migrations }) => migrations),
  );
  const trees = [...old, tip].map(({ tree }) => tree);
  const leftOut = repository.leftOut();
  const states = [...here.migrations].map(([connection, branch]) => {
    const before = oldMigrations.flatMap((found) => found.get(connection) ?? []);
    const known = { mergeBase: merged(before, branch), tip: tipMigrations?.get(connection) ?? [], branch };
    checkLeftOut(leftOut, Object.values(known).flat());
    const forgotten = forgottenMigrations(Object.values(known).flat(), here, trees, reader);
    return [connection, { ...known, forgotten }] as const;
  });
  const judging = judgingBy(reader, ref, mergeBase);
  return {
    version: 1,
    base: { ref, commit, mergeBase },
    ...verdictOf(states, judging, reader, here, invocation),
  };
}

function short(commit: string): string {
  return commit.slice(0, 7);
}

/** Merges the migrations of all merge bases. If one differs among them, it takes the branch's version. */
function merged(bases: readonly SourceMigration[], branch: readonly SourceMigration[]): SourceMigration[] {
  const found = new Map<string, SourceMigration>();
  for (const migration of bases) {
    const { name, file, text } = migration;
    const key = `${name}\n${file}`;
    const isHere = () => branch.some((each) => each.name === name && each.text === text);
    if (!found.has(key) || isHere()) found.set(key, migration);
  }
  return [...found.values()].sort((one, other) => one.timestamp - other.timestamp);
}

/** @throws {@link CommandError} if the sparse checkout omits a file that may be a migration */
function checkLeftOut(paths: readonly string[], migrations: readonly SourceMigration[]): void {
  const folders = new Set(migrations.map(({ file }) => dirname(file)));
  const path = paths.find((each) => isSource(each) && folders.has(dirname(each)));
  if (path === undefined) return;
  throw new CommandError(
    `The sparse checkout leaves out ${path}, which is in a folder of migrations. Add it: git sparse-checkout add ${dirname(path)}.`,
  );
}

/** Returns the absolute paths of the named files that exist. */
function filesOf({ files, module }: Sources): string[] {
  const names = [...files.map(({ name }) => name), ...(module === undefined ? [] : [module])];
  return names
    .map((name) => resolve(name))
    .filter((file) => existsSync(file))
    .map((file) => realpathSync(file));
}

/** Finds the repository of the working directory, or of the first file if that is in another one. */
function repositoryOf(sources: Sources): Repository {
  const files = filesOf(sources);
  const here = Repository.around(process.cwd());
  if (here !== undefined && files.every((file) => pathBelow(here.root, file) !== undefined)) return here;
  const repository = Repository.at(dirname(files[0] ?? join(process.cwd(), '.')));
  const other = files.find((file) => pathBelow(repository.root, file) === undefined);
  if (other === undefined) return repository;
  throw new CommandError(
    `${other} is not in the repository ${repository.root}. Review each repository separately.`,
  );
}

/** @throws {@link CommandError} if git ignores a file that defines the migrations */
function workingTree(repository: Repository, sources: Sources, loaded: LoadedSources): WorkingTree {
  const { root } = repository;
  const files = repository.files();
  const own = filesOf(sources).map((file) => pathBelow(root, file) ?? file);
  const migrations = new Map(
    loaded.connections.map((connection) => [
      connection.connection,
      located(connection.migrations, root, (path) => withUnixLineEnds(readFileSync(join(root, path)))),
    ]),
  );
  const needed = [...own, ...[...migrations.values()].flat().map(({ file }) => file)];
  const ignored = needed.find((path) => !files.has(path));
  if (ignored !== undefined) {
    throw new CommandError(
      `git ignores ${ignored}, so its content in the base is not known. Pass the source file, as in --data-source src/data-source.ts, ` +
        'and check that its option migrations finds the sources too.',
    );
  }
  const project = dirname(join(root, own[0] ?? ''));
  return { root, folder: process.cwd(), project, loaded, migrations, files };
}

function installed({ connections }: LoadedSources): string[] {
  return connections.flatMap(({ connection, migrations }) => {
    const found = migrations.filter(({ file }) => file !== undefined && isInstalled(file));
    return found.length === 0
      ? []
      : [`${connection}: ${found.length} migrations of installed packages are left out.`];
  });
}

/** @throws {@link CommandError} if the base lacks a file that the review needs */
function checkTree(
  tree: Tree,
  name: string,
  { root, migrations }: WorkingTree,
  sources: readonly string[],
): void {
  const own = sources.flatMap((file) => pathBelow(root, file) ?? []);
  for (const path of [...own, ...[...migrations.values()].flat().map(({ file }) => file)]) {
    const submodule = tree.missing.find((each) => path.startsWith(`${each}/`));
    if (submodule === undefined) continue;
    throw new CommandError(
      `${path} is in the submodule ${submodule}, whose commit in ${name} is not in this clone. Fetch it: git -C ${submodule} fetch --unshallow, or fetch --all.`,
    );
  }
  const missing = own.find((path) => !tree.has(path));
  if (missing !== undefined) {
    throw new CommandError(
      `${name} has no ${missing}: there is nothing to compare with. Review again when the base has it, or name a base that does.`,
    );
  }
}

/** Loads the same files from a copy of the repository. Messages show the original paths. */
async function loadFromCopy(
  copy: string,
  name: string,
  { root, folder }: WorkingTree,
  sources: Sources,
  quiet: boolean,
  load: Load,
): Promise<LoadedSources> {
  const path = pathBelow(root, folder);
  const move = (file: string) => {
    const isInside = path !== undefined && !isAbsolute(file);
    return isInside ? file : join(copy, pathBelow(root, realpathSync(resolve(file))) ?? file);
  };
  const files = sources.files.map((file) => ({ ...file, name: move(file.name) }));
  const module = sources.module === undefined ? undefined : move(sources.module);
  try {
    return await load(
      { sources: { ...sources, files, module }, isStrict: false },
      join(copy, path ?? ''),
      quiet,
    );
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError(
      `The migrations of ${name} are not known: ${error.message.replaceAll(copy, root)}`,
    );
  }
}

function judgingBy(reader: SourceReader, base: string, commit: string): Judging {
  const executed = ({ name, file, text }: SourceMigration) =>
    reader.classOf(name, file, text)?.executed() ?? reader.executedBy(file, text);
  return {
    base,
    commit: short(commit),
    now: Date.now(),
    isSame: (one, other) => one.text === other.text || executed(one) === executed(other),
    lacksDown: ({ name, file, text }) => reader.classOf(name, file, text)?.lacksDown === true,
  };
}

function verdictOf(
  states: readonly (readonly [connection: string, States])[],
  judging: Judging,
  reader: SourceReader,
  { root }: WorkingTree,
  { allow, failOn }: Invocation,
): Pick<ReviewReport, 'ok' | 'failOn' | 'connections' | 'notes'> {
  const judged = states.map(([connection, state]) => ({ connection, state, ...judge(state, judging) }));
  const texts = new Map<string, string>();
  for (const { file, text } of judged.flatMap(({ state }) => [...state.branch, ...state.forgotten]))
    texts.set(file, text);
  for (const { file } of judged.flatMap(({ findings }) => findings)) {
    const path = join(root, file);
    if (!texts.has(file) && existsSync(path)) texts.set(file, withUnixLineEnds(readFileSync(path)));
  }
  const allowances = new Allowances(
    allow,
    [...texts].flatMap(([file, text]) => allowancesIn(file, text)),
  );
  const connections = judged.map(({ connection, state, added, findings }): ConnectionReview => {
    const shown = findings
      .filter(({ kind }) => kind !== 'no-down' || failOn.includes(kind))
      .map((finding) => {
        const allowed = allowances.allow(finding) ?? null;
        const text = texts.get(finding.file);
        const line =
          text === undefined ? undefined : reader.classOf(finding.migration, finding.file, text)?.line;
        return {
          ...finding,
          line: line ?? null,
          fails: allowed === null && failOn.includes(finding.kind),
          allowed,
        };
      });
    const ok = shown.every(({ fails }) => !fails);
    return {
      connection,
      ok,
      defined: state.branch.length,
      added: added.map(({ name }) => name),
      findings: shown,
    };
  });
  return {
    ok: connections.every(({ ok }) => ok),
    failOn: failOn as readonly FindingKind[],
    connections,
    notes: allowances.notes(),
  };
}
