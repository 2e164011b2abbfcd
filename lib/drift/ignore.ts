import type { DriftDifference } from './reading';

/**
 * What is known and not counted: `table.name` or `change:table.name`, in which `*` stands for anything; a regular
 * expression, which is tested against `change:table.name`; or a function.
 */
export type DriftIgnore = string | RegExp | ((difference: DriftDifference) => boolean);

export interface IgnoredDrift {
  readonly counted: readonly DriftDifference[];
  readonly ignored: readonly DriftDifference[];
  /** Entries that match none of the differences. */
  readonly unmatched: readonly DriftIgnore[];
}

/** Sorts differences into those that count and those that some entry ignores. */
export function ignoreDrift(
  differences: readonly DriftDifference[],
  entries: readonly DriftIgnore[],
): IgnoredDrift {
  const matchers = entries.map((entry) => ({ entry, matches: matcherOf(entry) }));
  const matched = new Set<DriftIgnore>();
  const counted: DriftDifference[] = [];
  const ignored: DriftDifference[] = [];
  for (const difference of differences) {
    // All of them, not the first: an entry that matches is not told of as useless.
    const matching = matchers.filter(({ matches }) => matches(difference));
    for (const { entry } of matching) matched.add(entry);
    (matching.length > 0 ? ignored : counted).push(difference);
  }
  return { counted, ignored, unmatched: entries.filter((entry) => !matched.has(entry)) };
}

/** `drop index:orders.by_hand`; without a name, `create table:orders`. */
export function pathOf({ change, table, name }: DriftDifference): string {
  return `${change}:${table}${name === undefined ? '' : `.${name}`}`;
}

function matcherOf(entry: DriftIgnore): (difference: DriftDifference) => boolean {
  if (typeof entry === 'function') return (difference) => isIgnoredBy(entry, difference);
  // search() disregards where a global expression has stopped before.
  if (typeof entry !== 'string') return (difference) => pathOf(difference).search(entry) !== -1;
  const pattern = new RegExp(`^${wildcard(entry)}$`, 's');
  const namesChange = /^[a-z *]*:/.test(entry);
  return (difference) => {
    const path = pathOf(difference);
    const text = namesChange ? path : path.slice(path.indexOf(':') + 1);
    // `orders.*` is all of the table, also what has no name.
    return pattern.test(text) || (difference.name === undefined && pattern.test(`${text}.`));
  };
}

function wildcard(entry: string): string {
  return entry
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
}

/** The application's own function: one that throws ignores nothing. */
function isIgnoredBy(entry: (difference: DriftDifference) => boolean, difference: DriftDifference): boolean {
  try {
    return entry(difference);
  } catch {
    return false;
  }
}
