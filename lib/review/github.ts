import type { ReviewFinding, ReviewReport } from './report';

/**
 * Formats the findings as workflow commands, which GitHub shows beside the lines of a pull request. Findings
 * that fail the review are errors, allowed ones are notices, and others are warnings.
 */
export function githubAnnotations({ connections, notes }: ReviewReport): string {
  const findings = connections.flatMap(({ connection, findings }) =>
    findings.map((finding) => annotation(finding, connections.length > 1 ? `${connection}: ` : '')),
  );
  return [...findings, ...notes.map((note) => `::notice::${escaped(note)}`)]
    .map((line) => `${line}\n`)
    .join('');
}

function annotation(
  { kind, migration, file, line, fails, allowed, message, fix }: ReviewFinding,
  prefix: string,
): string {
  const level = fails ? 'error' : allowed === null ? 'warning' : 'notice';
  const properties = { ...(line !== null && { file, line }), title: `${prefix}${kind} ${migration}` };
  const list = Object.entries(properties).map(([name, value]) => `${name}=${escapedProperty(String(value))}`);
  return `::${level} ${list.join(',')}::${escaped(`${message} ${fix}`)}`;
}

/** Source: `escapeData()` and `escapeProperty()` of GitHub's @actions/core. */
function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapedProperty(text: string): string {
  return escaped(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
