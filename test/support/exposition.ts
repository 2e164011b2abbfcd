/** The samples of an exposition text, by series: `name{label="value"}`. */
export function samples(text: string): Map<string, number> {
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const space = line.lastIndexOf(' ');
        return [line.slice(0, space), Number(line.slice(space + 1))];
      }),
  );
}

/** What one connection's gauges read, by the metric's name without its prefix. */
export function readingsOf(text: string, connection: string, prefix = 'typeorm'): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [series, value] of samples(text)) {
    const match = new RegExp(`^${prefix}_migrations_(\\w+){connection="${connection}"}$`).exec(series);
    if (match?.[1] !== undefined) found[match[1]] = value;
  }
  return found;
}
