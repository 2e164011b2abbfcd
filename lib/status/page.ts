import { createHash } from 'node:crypto';
import type { ConnectionReport, MigrationsReport } from '../verdict/report';

/** Text that is markup already. */
class Html {
  constructor(readonly text: string) {}
}

const ESCAPED: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Everything that is put into the template is escaped, but for other templates. */
function markup(
  strings: TemplateStringsArray,
  ...values: (string | number | Html | readonly Html[])[]
): Html {
  return new Html(String.raw({ raw: strings }, ...values.map(markupOf)));
}

function markupOf(value: string | number | Html | readonly Html[]): string {
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(({ text }) => text).join('');
  return String(value).replace(/[&<>"']/g, (character) => ESCAPED[character] ?? character);
}

const NOTHING = new Html('');

const STYLE = `
:root { color-scheme: light dark; --good: #0a6b2d; --bad: #b3261e; --unsure: #8a5300; --text: #1b1b1f; --muted: #55565c; --back: #fff; --card: #f5f5f7; --line: #d9d9de }
@media (prefers-color-scheme: dark) { :root { --good: #6fdc94; --bad: #ff9c93; --unsure: #ffc46b; --text: #ececf1; --muted: #b4b5bd; --back: #131316; --card: #1f1f24; --line: #3b3b43 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 3rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--text); background: var(--back) }
h1 { margin: 0; font-size: 1rem; font-weight: 600; color: var(--muted) }
.verdict { margin: 0 0 1.5rem; font-size: clamp(2.25rem, 9vw, 4.5rem); font-weight: 800; line-height: 1.1 }
.up-to-date { color: var(--good) } .unapplied { color: var(--bad) } .unreadable { color: var(--unsure) }
section { margin: 0 0 1rem; padding: 1rem; border: 1px solid var(--line); border-left: .5rem solid currentColor; border-radius: .5rem; background: var(--card) }
section > * { color: var(--text) }
h2 { margin: 0; font-size: 1.25rem; overflow-wrap: anywhere }
h2 + p { margin: 0 0 .75rem; font-weight: 600 }
.up-to-date > h2 + p { color: var(--good) } .unapplied > h2 + p { color: var(--bad) } .unreadable > h2 + p { color: var(--unsure) }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .5rem 1rem; margin: 0 }
dt { font-size: .8rem; color: var(--muted) } dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
details { margin-top: .75rem } summary { cursor: pointer; font-weight: 600 }
ol { margin: .5rem 0 0; padding-left: 2.5rem; max-height: 24rem; overflow: auto } li { overflow-wrap: anywhere; font-family: ui-monospace, monospace; font-size: .875rem }
footer { color: var(--muted); font-size: .875rem }
:focus-visible { outline: 3px solid var(--unsure); outline-offset: 2px }
`;

/** Nothing but the page's own style: no script, no picture, no form, no frame. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const WORDS = {
  'up-to-date': 'Up to date',
  unapplied: 'Unapplied migrations',
  unreadable: 'Cannot be read',
} as const;

/** The report as a page that stands by itself. */
export function pageOf(report: MigrationsReport): string {
  const { connections, checkedAt } = report;
  const page = markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${report.ok ? 'OK' : 'Not OK'}: migrations</title>
        <style>${new Html(STYLE)}</style>
      </head>
      <body>
        <main>
          <h1>Migrations</h1>
          <p class="verdict ${report.ok ? 'up-to-date' : report.status}">${report.ok ? 'OK' : WORDS[report.status]}</p>
          ${connections.length === 0 ? markup`<p>There is no connection.</p>` : connections.map(sectionOf)}
        </main>
        <footer>Checked at ${timeOf(checkedAt)}</footer>
      </body>
    </html> `;
  return page.text;
}

function sectionOf(report: ConnectionReport): Html {
  const { connection, database, status, ok, failedOn, reason, durationSeconds } = report;
  const verdict = [WORDS[status], ...(reason === undefined ? [] : [`reason: ${reason}`])].join(', ');
  const fault = failedOn.length === 0 ? '' : ` (not allowed: ${failedOn.join(', ')})`;
  return markup`
    <section class="${ok ? 'up-to-date' : status}">
      <h2>${connection}</h2>
      <p>${ok ? 'OK: ' : 'Not OK: '}${verdict}${fault}</p>
      <dl>
        ${termOf('Database', database)} ${termOf('Defined', countOf(report.defined))}
        ${termOf('Applied', countOf(report.applied))} ${termOf('Unapplied', countOf(report.unapplied))}
        ${termOf('Unknown', countOf(report.unknown))} ${termOf('Out of order', countOf(report.outOfOrder))}
        ${termOf('Read at', timeOf(report.readAt))} ${termOf('Took', `${Math.round(durationSeconds * 1000)} ms`)}
        ${termOf('Last success', report.lastSuccessAt === null ? 'never' : timeOf(report.lastSuccessAt))}
      </dl>
      ${listOf('Unapplied', report.unapplied, true)} ${listOf('Unknown to this code', report.unknown, false)}
      ${listOf('Out of order', report.outOfOrder, false)}
    </section>
  `;
}

function termOf(term: string, value: string | Html): Html {
  return markup`<div>
    <dt>${term}</dt>
    <dd>${value}</dd>
  </div>`;
}

function countOf(value: number | readonly string[] | null): string {
  return value === null ? 'not known' : String(typeof value === 'number' ? value : value.length);
}

function listOf(title: string, names: readonly string[] | null, isOpen: boolean): Html {
  if (names === null || names.length === 0) return NOTHING;
  return markup`<details ${isOpen ? new Html('open') : NOTHING}>
    <summary>${title} (${names.length})</summary>
    <ol tabindex="0" aria-label="${title}">
      ${names.map((name) => markup`<li>${name}</li>`)}
    </ol>
  </details>`;
}

function timeOf(iso: string): Html {
  return markup`<time datetime="${iso}">${iso.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}</time>`;
}
