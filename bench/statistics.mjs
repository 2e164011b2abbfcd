export const median = (values) => percentile(values, 50);

export function percentile(values, percent) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))];
}

/** A Markdown table. */
export function table(heading, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n');
}

export const ratio = (value, floor) => `${(value / floor).toFixed(2)} ×`;
export const milliseconds = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
