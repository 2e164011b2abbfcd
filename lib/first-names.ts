/** Names of a list that a message shows. */
const MOST_NAMES = 5;

/** The first names of a list, and how many more there are. */
export function firstNames(names: readonly string[]): {
  readonly shown: readonly string[];
  readonly more: number;
} {
  const shown = names.slice(0, MOST_NAMES);
  return { shown, more: names.length - shown.length };
}
