/** Number of names that a message shows. */
const MOST_NAMES = 5;

/** Returns the first names of a list and the number of the others. */
export function firstNames(names: readonly string[]): {
  readonly shown: readonly string[];
  readonly more: number;
} {
  const shown = names.slice(0, MOST_NAMES);
  return { shown, more: names.length - shown.length };
}
