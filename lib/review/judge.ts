import type { SourceMigration } from './migration';

/** The possible problems of a branch's migrations. */
export const FINDINGS = ['late', 'edited', 'removed', 'clash', 'not-loaded', 'no-down'] as const;
export type FindingKind = (typeof FINDINGS)[number];

export interface Finding {
  readonly kind: FindingKind;
  /** The name of the migration. */
  readonly migration: string;
  /** Path from the repository's root; for a removed migration, its path in the base. */
  readonly file: string;
  /** The problem, in sentences. */
  readonly message: string;
  /** The fix, in sentences. */
  readonly fix: string;
}

/** The migrations of one DataSource in each state of the code. */
export interface States {
  /** The merge base. */
  readonly mergeBase: readonly SourceMigration[];
  /** The newest commit of the base. */
  readonly tip: readonly SourceMigration[];
  /** The working tree. */
  readonly branch: readonly SourceMigration[];
  /** Migration classes in new files that no DataSource loads. */
  readonly forgotten: readonly SourceMigration[];
}

/** Inputs of a judgement besides the migrations. */
export interface Judging {
  /** Name of the base. */
  readonly base: string;
  /** The commit of the merge base. */
  readonly commit: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Whether two migrations of one name run the same code. */
  readonly isSame: (one: SourceMigration, other: SourceMigration) => boolean;
  /** Whether `down()` is missing, is empty or only throws. */
  readonly lacksDown: (migration: SourceMigration) => boolean;
}

export interface Judgement {
  /** Migrations that the branch adds to its base. */
  readonly added: readonly SourceMigration[];
  readonly findings: readonly Finding[];
}

/** Finds the problems that a branch's changes cause in databases that have run the base's migrations. */
export function judge(states: States, judging: Judging): Judgement {
  const changes = changesOf(states, judging);
  const findings = FINDINGS.flatMap((kind) => JUDGES[kind](changes, states, judging));
  return { added: changes.added, findings };
}

interface Changes {
  readonly added: readonly SourceMigration[];
  readonly kept: readonly Kept[];
  readonly removed: readonly SourceMigration[];
}

interface Kept {
  readonly before: SourceMigration;
  readonly now: SourceMigration;
}

function changesOf({ mergeBase, tip, branch }: States, { isSame }: Judging): Changes {
  const kept: Kept[] = [];
  const removed: SourceMigration[] = [];
  const here = byName(branch);
  const [names, namesOfTip] = [mergeBase, tip].map((list) => new Set(list.map(({ name }) => name)));
  for (const before of mergeBase) {
    const candidates = here.get(before.name) ?? [];
    const now =
      candidates.find(({ file }) => file === before.file) ??
      candidates.find((candidate) => isSame(candidate, before)) ??
      candidates[0];
    if (now !== undefined) kept.push({ before, now });
    // If the base has removed it too, this branch did not remove it.
    else if (namesOfTip?.has(before.name)) removed.push(before);
  }
  // The base may also have got these by a cherry-pick, or by a squash of this branch.
  for (const before of tip) {
    if (names?.has(before.name)) continue;
    const now = here.get(before.name)?.find(({ file }) => file === before.file);
    if (now !== undefined) kept.push({ before, now });
  }
  const known = new Set(kept.map(({ now }) => now));
  return { added: branch.filter((migration) => !known.has(migration)), kept, removed };
}

function byName(migrations: readonly SourceMigration[]): ReadonlyMap<string, SourceMigration[]> {
  const named = new Map<string, SourceMigration[]>();
  for (const migration of migrations) {
    const others = named.get(migration.name);
    if (others === undefined) named.set(migration.name, [migration]);
    else others.push(migration);
  }
  return named;
}

type Judge = (changes: Changes, states: States, judging: Judging) => Finding[];

const JUDGES: Readonly<Record<FindingKind, Judge>> = {
  late: (changes, states, { base, now }) => {
    const newest = newestOf(states);
    if (newest === undefined) return [];
    const namesake = namesakesOf(changes, states);
    const late = changes.added.filter(
      (migration) => migration.timestamp < newest.timestamp && !namesake.has(migration),
    );
    return late.map((migration, index) => ({
      ...about('late', migration),
      message: `It is older than ${newest.name} of ${base}. Databases that have run that one get the two in another order than new databases.`,
      fix: rename(migration, freshTimestamp(changes, newest, now) + index),
    }));
  },

  edited: ({ kept }, { tip }, { base, commit, isSame }) =>
    kept
      .filter(({ before, now }) => !isSame(before, now))
      // Skip it if the base has the same change.
      .filter(({ now }) => !tip.some((other) => other.name === now.name && isSame(other, now)))
      .map(({ before, now }) => ({
        ...about('edited', now),
        message: `${base} has it with other code. Databases that have run it will not get the change.`,
        fix: `Restore it (git show ${commit}:${before.file}), and put the change into a new migration.`,
      })),

  removed: ({ removed }, { forgotten }, { base, commit }) =>
    removed.map((migration) => {
      const elsewhere = forgotten.find(({ name }) => name === migration.name)?.file;
      return {
        ...about('removed', migration),
        message:
          `${base} has it, and ${elsewhere === undefined ? 'nothing defines it here' : `the DataSource does not load ${elsewhere}`}. ` +
          'Databases that have run it are ahead of the code, and it cannot be reverted there.',
        fix:
          elsewhere === undefined
            ? `Restore it (git show ${commit}:${migration.file}). To undo what it did, write a new migration.`
            : LOAD_IT,
      };
    }),

  clash: (changes, states, { base, now }) => {
    const newest = newestOf(states);
    const namesake = namesakesOf(changes, states);
    return changes.added.flatMap((migration, index) => {
      const other = namesake.get(migration) ?? sameTimestamp(migration, changes, states);
      if (newest === undefined || other === undefined) return [];
      const isName = other.name === migration.name;
      const message = isName
        ? `${base} has a migration of this name in ${other.file}: TypeORM refuses to run two migrations of one name.`
        : `It has the timestamp of ${other.name} of ${base} (${other.file}): their order is not defined.`;
      return {
        ...about('clash', migration),
        message,
        fix: rename(migration, freshTimestamp(changes, newest, now) + index),
      };
    });
  },

  'not-loaded': (_changes, { mergeBase, forgotten }) =>
    forgotten
      .filter(({ name }) => !mergeBase.some((migration) => migration.name === name))
      .map((migration) => ({
        ...about('not-loaded', migration),
        message: 'It is in a folder of migrations, but the DataSource does not load it: it will never run.',
        fix: LOAD_IT,
      })),

  'no-down': ({ added }, _states, { lacksDown }) =>
    added.filter(lacksDown).map((migration) => ({
      ...about('no-down', migration),
      message: 'Its down() is missing, is empty or only throws: it cannot be reverted.',
      fix: 'Write a down() that undoes what up() does.',
    })),
};

const LOAD_IT =
  'Export its class, and name it in the option migrations: in the list of classes, in the index file, or by a path that matches its file.';

function about<Kind extends FindingKind>(kind: Kind, { name, file }: SourceMigration) {
  return { kind, migration: name, file };
}

/** Finds the newest migration of the base. */
function newestOf({ mergeBase, tip }: States): SourceMigration | undefined {
  return [...tip, ...mergeBase].reduce<SourceMigration | undefined>(
    (newest, migration) =>
      newest === undefined || migration.timestamp > newest.timestamp ? migration : newest,
    undefined,
  );
}

/** Maps each new migration to the base's migration of the same name. */
function namesakesOf(
  { added }: Changes,
  { mergeBase, tip }: States,
): ReadonlyMap<SourceMigration, SourceMigration> {
  const base = byName([...tip, ...mergeBase]);
  return new Map(
    added.flatMap((migration) => {
      const [other] = base.get(migration.name) ?? [];
      return other === undefined ? [] : [[migration, other] as const];
    }),
  );
}

/** Finds a remaining migration of the base in another file with the same timestamp. */
function sameTimestamp({ timestamp, file }: SourceMigration, { removed }: Changes, { tip }: States) {
  const gone = new Set(removed.map(({ name }) => name));
  return tip.find((other) => other.timestamp === timestamp && other.file !== file && !gone.has(other.name));
}

/**
 * Returns a timestamp after all of the base. If there is room, it is before the branch's other new
 * migrations, which keeps their order.
 */
function freshTimestamp({ added }: Changes, newest: SourceMigration, now: number): number {
  const others = added.map(({ timestamp }) => timestamp).filter((timestamp) => timestamp > newest.timestamp);
  const first = Math.max(now, newest.timestamp + 1);
  const hasRoom = (start: number) => others.every((timestamp) => timestamp >= start + added.length);
  return [first, newest.timestamp + 1].find(hasRoom) ?? Math.max(first, ...others.map((each) => each + 1));
}

function rename({ name }: SourceMigration, timestamp: number): string {
  return `Give its class and its file a timestamp that is newer, as in ${name.slice(0, -String(timestamp).length)}${timestamp}.`;
}
