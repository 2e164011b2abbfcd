export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** A Markdown table. */
export function table(heading, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n');
}

export const ratio = (value, floor) => `${(value / floor).toFixed(2)} ×`;
export const milliseconds = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
