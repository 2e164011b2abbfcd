import { oneLine } from '../logger';
import type { ConnectionReview, ReviewFinding, ReviewReport } from './report';

const GREEN = 32;
const YELLOW = 33;
const RED = 31;

export function reviewText(report: ReviewReport, hasColors: boolean): string {
  const paint = (text: string, color: number) => (hasColors ? `\u001b[${color}m${text}\u001b[39m` : text);
  const { ref, commit, mergeBase } = report.base;
  const apart = commit === mergeBase ? '' : `, which is ahead of the merge base ${mergeBase.slice(0, 7)}`;
  return [
    `Compared with ${oneLine(ref)} at ${commit.slice(0, 7)}${apart}.`,
    ...report.connections.flatMap((connection) => [
      '',
      summaryOf(connection, paint),
      ...connection.findings.flatMap((finding) => linesOf(finding, paint)),
    ]),
    ...(report.notes.length === 0 ? [] : ['', ...report.notes.map(oneLine)]),
    '',
  ].join('\n');
}

type Paint = (text: string, color: number) => string;

function summaryOf({ connection, ok, defined, added }: ConnectionReview, paint: Paint): string {
  const verdict = paint(ok ? 'ok' : 'failed', ok ? GREEN : RED);
  return `${oneLine(connection)}: ${verdict}. ${defined} migrations, ${added.length} of them new.`;
}

function linesOf(
  { kind, migration, file, line, fails, allowed, message, fix }: ReviewFinding,
  paint: Paint,
): string[] {
  const place = line === null ? file : `${file}:${line}`;
  const reason =
    allowed === null
      ? ''
      : allowed.by === 'flag'
        ? ' (allowed by --allow)'
        : ` (allowed because ${allowed.reason})`;
  return [
    `  ${paint(kind, fails ? RED : YELLOW)}  ${oneLine(migration)}${oneLine(reason)}`,
    `    ${oneLine(place)}`,
    `    ${oneLine(message)}`,
    ...(allowed === null ? [`    ${oneLine(fix)}`] : []),
  ];
}
