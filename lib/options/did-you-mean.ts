/** Returns the known word nearest to the typed one, if one is near enough to be meant. */
export function closest(typed: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((word) => ({ word, edits: distance(typed.toLowerCase(), word.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const [best] = ranked;
  return best !== undefined && best.edits <= Math.max(2, best.word.length / 3) ? best.word : undefined;
}

/**
 * Returns the sentence that a message adds after an unknown word.
 *
 * @param nameOf - how the message shows a word; distances compare the bare word, without the additions
 */
export function suggestion(
  typed: string,
  known: readonly string[],
  nameOf: (word: string) => string = (word) => word,
): string {
  const near = closest(typed, known);
  return near === undefined
    ? `Use one of: ${known.map(nameOf).join(', ')}.`
    : `Did you mean ${nameOf(near)}?`;
}

/** Counts the letters to insert, delete, replace or swap: the optimal string alignment distance. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const at = (up: number, left: number) => rows[i - up]?.[j - left] ?? Infinity;
      const replaced = at(1, 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(at(1, 0) + 1, (row[j - 1] ?? 0) + 1, replaced, isSwapped ? at(2, 2) + 1 : Infinity);
    }
    rows.push(row);
  }
  return rows[a.length]?.[b.length] ?? 0;
}
