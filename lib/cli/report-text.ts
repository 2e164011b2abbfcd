import { DRIFT_ADVICE } from '../drift/advice';
import { pathOf } from '../drift/ignore';
import type { DriftReport } from '../drift/report';
import { firstNames } from '../first-names';
import { oneLine } from '../logger';
import type { Snapshot } from '../monitor/snapshots';
import { adviceOn } from '../verdict/advice';
import type { ConnectionReport, MigrationsReport } from '../verdict/report';
import { isDriftUnknown } from './drift';

export interface Terminal {
  /** Columns. */
  readonly width: number;
  readonly hasColors: boolean;
}

/** Shown because nothing is unapplied then, so a wrong path would go unnoticed. */
const NONE_DEFINED =
  'defines no migrations. If it should, look at the paths in the option migrations: they must match the built files.';

interface Column {
  readonly title: string;
  readonly cell: (connection: ConnectionReport) => string;
  readonly isNumber?: true;
}

const COLUMNS: readonly Column[] = [
  { title: 'connection', cell: ({ connection }) => oneLine(connection) },
  { title: 'ok', cell: (connection) => VERDICTS[verdictOn(connection)].word },
  { title: 'applied', cell: ({ applied }) => count(applied), isNumber: true },
  { title: 'unapplied', cell: ({ unapplied }) => count(unapplied?.length), isNumber: true },
  { title: 'unknown', cell: ({ unknown }) => count(unknown?.length), isNumber: true },
  { title: 'out of order', cell: ({ outOfOrder }) => count(outOfOrder?.length), isNumber: true },
];
const DRIFT_COLUMN: Column = {
  title: 'drift',
  cell: ({ drift }) => count(drift?.statements),
  isNumber: true,
};

function columnsFor(connections: readonly ConnectionReport[]): readonly Column[] {
  return connections.some(({ drift }) => drift !== undefined) ? [...COLUMNS, DRIFT_COLUMN] : COLUMNS;
}

const VERDICTS = {
  good: { word: 'yes', color: 32 },
  unknown: { word: '?', color: 33 },
  bad: { word: 'no', color: 31 },
} as const;

function verdictOn(connection: ConnectionReport): keyof typeof VERDICTS {
  if (connection.status === 'unreadable' || isDriftUnknown(connection)) return 'unknown';
  return connection.ok ? 'good' : 'bad';
}

/** Formats a report as a table, or as paragraphs if the table is too wide. */
export function textOf(
  snapshots: readonly Snapshot[],
  report: MigrationsReport,
  { width, hasColors }: Terminal,
): string {
  const paint = hasColors ? painted : (text: string) => text;
  const table = tableOf(report.connections, paint);
  const isWide = widthOf(report.connections) > width;
  const details = report.connections.flatMap((connection) => detailsOf(connection, snapshots));
  return [...(isWide ? paragraphs(report.connections, paint) : table), ...details, ''].join('\n');
}

type Paint = (text: string, connection: ConnectionReport) => string;

function painted(text: string, connection: ConnectionReport): string {
  return `\u001b[${VERDICTS[verdictOn(connection)].color}m${text}\u001b[39m`;
}

const GAP = '  ';

function widthsOf(connections: readonly ConnectionReport[]): number[] {
  return columnsFor(connections).map(({ title, cell }) =>
    Math.max(title.length, ...connections.map((connection) => cell(connection).length)),
  );
}

function widthOf(connections: readonly ConnectionReport[]): number {
  const widths = widthsOf(connections);
  return widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length);
}

function tableOf(connections: readonly ConnectionReport[], paint: Paint): string[] {
  const columns = columnsFor(connections);
  const widths = widthsOf(connections);
  const padded = (texts: readonly string[]) =>
    texts.map((text, index) =>
      columns[index]?.isNumber ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0),
    );
  const header = padded(columns.map(({ title }) => title));
  const rows = connections.map((connection) =>
    padded(columns.map(({ cell }) => cell(connection))).map((text, index) =>
      columns[index]?.title === 'ok' ? paint(text, connection) : text,
    ),
  );
  return [header, ...rows].map((cells) => cells.join(GAP).trimEnd());
}

function paragraphs(connections: readonly ConnectionReport[], paint: Paint): string[] {
  return connections.flatMap((connection) =>
    columnsFor(connections).map(({ title, cell }, index) => {
      const text = cell(connection);
      if (index === 0) return text;
      return `${GAP}${title}: ${title === 'ok' ? paint(text, connection) : text}`;
    }),
  );
}

/** Returns the details beyond the counts: names of migrations, or why there are none. */
function detailsOf(connection: ConnectionReport, snapshots: readonly Snapshot[]): string[] {
  const name = oneLine(connection.connection);
  if (connection.reason !== undefined) {
    const { meaning, fix } = adviceOn(connection.reason, connection.database);
    const detail = detailOf(connection, snapshots);
    return ['', `${name} could not be read: ${connection.reason}${detail}. ${meaning} ${fix}`];
  }
  return [
    ...(connection.defined === 0 ? ['', `${name} ${NONE_DEFINED}`] : []),
    ...named(`${name} has unapplied migrations:`, connection.unapplied),
    ...named(
      `${name} has unapplied migrations that are older than the newest applied one:`,
      connection.outOfOrder,
    ),
    ...named(`${name} has applied migrations that this code does not define:`, connection.unknown),
    ...(connection.drift === undefined ? [] : driftLines(name, connection.drift)),
  ];
}

function driftLines(name: string, { statements, differences, ignored, skipped }: DriftReport): string[] {
  if (skipped !== undefined) {
    const { meaning, fix } = DRIFT_ADVICE[skipped];
    return ['', `${name}: schema drift is not known (${skipped}). ${meaning} ${fix}`];
  }
  return [
    ...named(
      `${name} has a schema that differs from its entities (${counted(statements ?? 0, 'statement')}):`,
      differences.map(pathOf),
    ),
    ...(ignored.length === 0 ? [] : ['', `${name} has ${counted(ignored.length, 'known difference')}.`]),
  ];
}

function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function detailOf({ connection }: ConnectionReport, snapshots: readonly Snapshot[]): string {
  const collection = snapshots.find((snapshot) => snapshot.connection === connection)?.collection;
  return collection?.status === 'failed' && collection.detail !== undefined
    ? ` (${oneLine(collection.detail)})`
    : '';
}

function named(title: string, names: readonly string[] | null): string[] {
  if (names === null || names.length === 0) return [];
  const { shown, more } = firstNames(names);
  return [
    '',
    title,
    ...shown.map((name) => `${GAP}${oneLine(name)}`),
    ...(more > 0 ? [`${GAP}and ${more} more`] : []),
  ];
}

function count(number: number | null | undefined): string {
  return number === null || number === undefined ? '-' : String(number);
}
