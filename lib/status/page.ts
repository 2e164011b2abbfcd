import { pathOf } from '../drift/ignore';
import type { DriftReport } from '../drift/report';
import { adviceOn } from '../verdict/advice';
import type { ConnectionReport, MigrationsReport } from '../verdict/report';
import type { Forbidden } from '../verdict/verdict';
import { Markup, markup, NOTHING } from './markup';
import { STYLE } from './style';

/** Up to this many unapplied names are expanded; a longer list is collapsed. */
const MOST_OPEN = 20;

/** The faults of a policy with their words on the page, the known problems first. */
const FAULTS: readonly {
  readonly fault: Forbidden;
  readonly words: string;
  readonly count: (report: ConnectionReport) => number;
}[] = [
  { fault: 'unapplied', words: 'unapplied', count: ({ unapplied }) => unapplied?.length ?? 0 },
  { fault: 'unknown', words: 'unknown', count: ({ unknown }) => unknown?.length ?? 0 },
  { fault: 'out-of-order', words: 'out of order', count: ({ outOfOrder }) => outOfOrder?.length ?? 0 },
  { fault: 'no-migrations', words: 'without migrations', count: () => 1 },
  { fault: 'unreadable', words: 'unreadable', count: () => 1 },
];

/**
 * Renders a self-contained page, with faulty connections first.
 *
 * @param title - the application, such as `orders · production`
 */
export function pageOf({ ok, checkedAt, connections }: MigrationsReport, title?: string): string {
  const verdict = ok ? ['OK'] : verdictOf(connections);
  const page = markup`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>${verdict.join(', ')}: ${title ?? 'migrations'}</title>
    <style>${new Markup(STYLE)}</style>
  </head>
  <body>
    <header class="${toneOf(connections)}">
      <h1>${title ?? 'Migrations'}</h1>
      <p class="verdict">${bannerOf(verdict)}</p>
      <p>${summaryOf(connections)}</p>
    </header>
    <main>
      ${connections.filter((report) => !report.ok).map(sectionOf)}
      ${connections.filter((report) => report.ok).map(sectionOf)}
    </main>
    <footer>Checked at ${timeOf(checkedAt)}</footer>
  </body>
</html>
`;
  return page.text;
}

/** Returns each kind of fault with its number over all connections. */
function verdictOf(connections: readonly ConnectionReport[]): string[] {
  const faults = FAULTS.map(({ fault, words, count }) => {
    const faulty = connections.filter(({ failedOn }) => failedOn.includes(fault));
    return { words, number: faulty.reduce((sum, report) => sum + count(report), 0) };
  }).filter(({ number }) => number > 0);
  if (faults.length === 1 && faults[0]?.words === 'unreadable') return ['Unreadable'];
  return faults.map(({ words, number }) => `${numberOf(number)} ${words}`);
}

/** Wraps each fault in a span, so that a line breaks only between faults. */
function bannerOf(verdict: readonly string[]): string | Markup {
  if (verdict.length < 2) return verdict[0] ?? 'Not OK';
  const spans = verdict.map((fault) => markup`<span>${fault}</span>`.text);
  return new Markup(spans.join(', '));
}

function summaryOf(connections: readonly ConnectionReport[]): string {
  if (connections.length === 0) return 'There is no connection';
  const faulty = connections.filter(({ ok }) => !ok).length;
  const all = `${numberOf(connections.length)} connection${connections.length === 1 ? '' : 's'}`;
  const ahead = connections.filter(isAhead).length;
  const note = ahead === 0 ? '' : `; ${numberOf(ahead)} ${ahead === 1 ? 'is' : 'are'} ahead of this code`;
  if (faulty > 0) return `${numberOf(faulty)} of ${all} need${faulty === 1 ? 's' : ''} attention${note}`;
  return `${connections.length === 1 ? 'The connection is OK' : `All ${all} are OK`}${note}`;
}

function toneOf(connections: readonly ConnectionReport[]): 'ok' | 'bad' | 'unsure' {
  if (connections.every(({ ok }) => ok)) return 'ok';
  const isUnsure = connections.every(({ ok, status }) => ok || status === 'unreadable');
  return isUnsure ? 'unsure' : 'bad';
}

/** Whether the database has migrations that this code does not define. */
function isAhead({ unknown }: ConnectionReport): boolean {
  return unknown !== null && unknown.length > 0;
}

function sectionOf(report: ConnectionReport): Markup {
  const { connection, database, failedOn, readAt, durationSeconds, lastSuccessAt } = report;
  return markup`
      <section class="${toneOf([report])}">
        <div class="title">
          <h2><bdi>${connection}</bdi></h2>
          <p class="database"><bdi>${database}</bdi></p>
          <p class="mark">${markOf(report)}</p>
        </div>
        ${reasonOf(report)}
        <dl class="counts">
          ${countOf('Defined', report.defined, failedOn.includes('no-migrations'))}
          ${countOf('Applied', report.applied)}
          ${countOf('Unapplied', report.unapplied, failedOn.includes('unapplied'))}
          ${countOf('Unknown', report.unknown, failedOn.includes('unknown'))}
          ${countOf('Out of order', report.outOfOrder, failedOn.includes('out-of-order'))}
        </dl>
        <dl class="times">
          ${termOf('Read at', timeOf(readAt))}
          ${termOf('Took', `${numberOf(Math.round(durationSeconds * 1000))} ms`)}
          ${termOf('Last success', lastSuccessAt === null ? 'never' : timeOf(lastSuccessAt))}
        </dl>
        ${driftOf(report.drift)}
        ${listOf('Unapplied', report.unapplied, (report.unapplied?.length ?? 0) <= MOST_OPEN)}
        ${listOf('Unknown to this code', report.unknown)}
        ${listOf('Out of order', report.outOfOrder)}
      </section>`;
}

/** Drift is advisory: it never makes a connection need attention. */
function driftOf(drift: DriftReport | undefined): Markup {
  if (drift === undefined) return NOTHING;
  const { statements, differences, skipped, checkedAt } = drift;
  const words = statements === null ? `not judged: ${skipped}` : `${numberOf(statements)} statements`;
  const list = listOf('Drift', differences.map(pathOf));
  return markup`
        <dl class="times">
          ${termOf('Drift', words)}
          ${termOf('Drift checked at', timeOf(checkedAt))}
        </dl>
        ${list}`;
}

/** Returns the faults of a connection, or OK. */
function markOf(report: ConnectionReport): string {
  const { ok, failedOn, status, unapplied } = report;
  if (status === 'unreadable') return 'Unreadable';
  const faults = FAULTS.filter(({ fault }) => failedOn.includes(fault)).map(
    ({ words, count }) => `${numberOf(count(report))} ${words}`,
  );
  const isAllowed = ok && unapplied !== null && unapplied.length > 0;
  return [
    ...(ok ? ['OK'] : faults),
    ...(isAllowed ? [`${numberOf(unapplied.length)} unapplied allowed`] : []),
    ...(isAhead(report) ? ['ahead of this code'] : []),
  ].join(', ');
}

/** Explains why a connection cannot be read and how to fix it, in the words of the command line. */
function reasonOf({ reason, database }: ConnectionReport): Markup {
  if (reason === undefined) return NOTHING;
  const { meaning, fix } = adviceOn(reason, database);
  return markup`<p class="reason">Could not be read: ${reason}. ${meaning} ${fix}</p>`;
}

function countOf(term: string, value: number | readonly string[] | null, isFault = false): Markup {
  const count = value === null || typeof value === 'number' ? value : value.length;
  const kind = count === null ? 'unsaid' : isFault ? 'fault' : count > 0 ? 'some' : 'none';
  return termOf(term, count === null ? 'not known' : numberOf(count), kind);
}

function termOf(term: string, value: string | Markup, kind = 'plain'): Markup {
  return markup`<div class="${kind}"><dt>${term}</dt><dd>${value}</dd></div>`;
}

function listOf(title: string, names: readonly string[] | null, isOpen = false): Markup {
  if (names === null || names.length === 0) return NOTHING;
  return markup`
        <details${isOpen ? new Markup(' open') : NOTHING}>
          <summary>${title} (${numberOf(names.length)})</summary>
          <ol>${names.map((name) => markup`<li>${name}</li>`)}</ol>
        </details>`;
}

function timeOf(iso: string): Markup {
  return markup`<time datetime="${iso}">${iso.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}</time>`;
}

function numberOf(value: number): string {
  return value.toLocaleString('en-US');
}
