import type { DriftDifference } from './reading';

/**
 * Differences to ignore: `table.name` or `change:table.name`, where `*` matches anything; a regular
 * expression, tested against `change:table.name`; or a function.
 */
export type DriftIgnore = string | RegExp | ((difference: DriftDifference) => boolean);

export interface IgnoredDrift {
  readonly counted: readonly DriftDifference[];
  readonly ignored: readonly DriftDifference[];
  /** Entries that match no difference. */
  readonly unmatched: readonly DriftIgnore[];
}

/** Separates differences that count from those that an entry ignores. */
export function ignoreDrift(
  differences: readonly DriftDifference[],
  entries: readonly DriftIgnore[],
): IgnoredDrift {
  const matchers = entries.map((entry) => ({ entry, matches: matcherOf(entry) }));
  const matched = new Set<DriftIgnore>();
  const counted: DriftDifference[] = [];
  const ignored: DriftDifference[] = [];
  for (const difference of differences) {
    // All matching entries, not only the first: an entry that matches must not be reported as unused.
    const matching = matchers.filter(({ matches }) => matches(difference));
    for (const { entry } of matching) matched.add(entry);
    (matching.length > 0 ? ignored : counted).push(difference);
  }
  return { counted, ignored, unmatched: entries.filter((entry) => !matched.has(entry)) };
}

/** Formats a difference as `drop index:orders.by_hand`, or without a name as `create table:orders`. */
export function pathOf({ change, table, name }: DriftDifference): string {
  return `${change}:${table}${name === undefined ? '' : `.${name}`}`;
}

function matcherOf(entry: DriftIgnore): (difference: DriftDifference) => boolean {
  if (typeof entry === 'function') return (difference) => isIgnoredBy(entry, difference);
  // Unlike test(), search() ignores the `lastIndex` of a global expression.
  if (typeof entry !== 'string') return (difference) => pathOf(difference).search(entry) !== -1;
  const pattern = new RegExp(`^${wildcard(entry)}$`, 's');
  const namesChange = /^[a-z *]*:/.test(entry);
  return (difference) => {
    const path = pathOf(difference);
    const text = namesChange ? path : path.slice(path.indexOf(':') + 1);
    // `orders.*` also matches differences of the table without a name.
    return pattern.test(text) || (difference.name === undefined && pattern.test(`${text}.`));
  };
}

function wildcard(entry: string): string {
  return entry
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
}

/** Calls the application's function. If it throws, the difference is not ignored. */
function isIgnoredBy(entry: (difference: DriftDifference) => boolean, difference: DriftDifference): boolean {
  try {
    return entry(difference);
  } catch {
    return false;
  }
}
