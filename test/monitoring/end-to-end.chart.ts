import type { Series } from '../support/prometheus';

/** What Prometheus stored of a run; times in Unix seconds. */
export interface Timeline {
  readonly title: string;
  readonly start: number;
  readonly end: number;
  /** Seconds of this run in what the axis calls a minute. */
  readonly minute: number;
  readonly events: readonly { readonly at: number; readonly what: string }[];
  /** The two gauges of each connection, -1 where it could not be read. */
  readonly connections: readonly {
    readonly name: string;
    readonly applied: Series;
    readonly unapplied: Series;
  }[];
  readonly alerts: readonly AlertSpan[];
}

export interface AlertSpan {
  readonly alert: string;
  readonly connection: string;
  readonly state: 'pending' | 'firing';
  readonly from: number;
  readonly to: number;
}

const WIDTH = 1000;
const LEFT = 330;
const RIGHT = 24;
const TOP = 122;
const PLOT = 84;
const BAR = 26;
const COLOURS = {
  applied: '#2563eb',
  unapplied: '#d97706',
  unreadable: '#fecaca',
  pending: '#fcd34d',
  firing: '#dc2626',
} as const;

/** An SVG of the gauges over time, and of the alerts below them. */
export function drawTimeline({ title, start, end, minute, events, connections, alerts }: Timeline): string {
  const x = (at: number) => round(LEFT + ((at - start) / (end - start)) * (WIDTH - LEFT - RIGHT));
  const rows = [...new Set(alerts.map(({ alert, connection }) => `${alert} ${connection}`))];
  const alertsTop = TOP + connections.length * PLOT + 20;
  const bottom = alertsTop + rows.length * BAR;
  const out: string[] = [];

  events.forEach(({ at, what }, index) => {
    const y = 48 + (index % 4) * 18;
    out.push(
      `<line x1="${x(at)}" x2="${x(at)}" y1="${y + 4}" y2="${bottom}" stroke="#94a3b8" stroke-dasharray="3 3"/>`,
      text(x(at), y, what, x(at) > WIDTH * 0.75 ? 'end' : 'start'),
    );
  });

  connections.forEach(({ name, applied, unapplied }, index) => {
    const base = TOP + (index + 1) * PLOT - 14;
    const most = Math.max(
      1,
      ...[applied, unapplied].flatMap(({ values }) => values.map(([, value]) => value)),
    );
    const y = (value: number) => round(base - (value / most) * (PLOT - 34));
    out.push(
      text(LEFT - 12, base - 24, name, 'end', 'bold'),
      text(LEFT - 12, base - 8, `0 to ${most}`, 'end'),
    );
    for (const [from, to] of spans(unapplied, (value) => value < 0)) {
      out.push(rectangle(x(from), y(most), x(to) - x(from), base - y(most), COLOURS.unreadable));
    }
    out.push(`<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${base}" y2="${base}" stroke="#cbd5e1"/>`);
    out.push(
      steps(applied, x, y, COLOURS.applied),
      steps(unapplied, x, y, COLOURS.unapplied, ' stroke-dasharray="6 4"'),
    );
  });

  rows.forEach((row, index) => {
    const y = alertsTop + index * BAR;
    const [alert, connection] = row.split(' ');
    out.push(text(LEFT - 12, y + 13, `${alert} (${connection})`, 'end'));
    for (const span of alerts) {
      if (`${span.alert} ${span.connection}` !== row) continue;
      out.push(
        rectangle(x(span.from), y + 2, Math.max(2, x(span.to) - x(span.from)), 14, COLOURS[span.state]),
      );
    }
  });

  const minutes = (end - start) / minute;
  const every = minutes > 30 ? 5 : 1;
  for (let mark = 0; mark <= minutes; mark += every) {
    const at = x(start + mark * minute);
    out.push(`<line x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 5}" stroke="#64748b"/>`);
    out.push(text(at, bottom + 19, `${mark} min`, 'middle'));
  }
  const legend = Object.entries(COLOURS).map(([what, colour], index) => {
    const at = LEFT + index * 120;
    return rectangle(at, bottom + 34, 14, 10, colour) + text(at + 20, bottom + 43, what);
  });

  const height = bottom + 56;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="ui-sans-serif, system-ui, sans-serif" font-size="12" fill="#1e293b" role="img">
<title>${title}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${text(24, 26, title, 'start', 'bold')}
${[...out, ...legend].join('\n')}
</svg>
`;
}

/** A line that stays at a value until the next one, and is broken where the value is not known. */
function steps(
  { values }: Series,
  x: (at: number) => number,
  y: (value: number) => number,
  colour: string,
  dashes = '',
): string {
  let path = '';
  let before: number | undefined;
  for (const [at, value] of values) {
    if (value < 0) before = undefined;
    else if (before === undefined) path += `M${x(at)} ${y(value)}`;
    else path += value === before ? `H${x(at)}` : `H${x(at)}V${y(value)}`;
    if (value >= 0) before = value;
  }
  return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"${dashes}/>`;
}

/** From where to where something holds of the values. */
function spans({ values }: Series, holds: (value: number) => boolean): [from: number, to: number][] {
  const found: [number, number][] = [];
  let open: [number, number] | undefined;
  for (const [at, value] of values) {
    if (open !== undefined) open[1] = at;
    if (!holds(value)) open = undefined;
    else if (open === undefined) found.push((open = [at, at]));
  }
  return found;
}

function text(x: number, y: number, content: string, anchor = 'start', weight = 'normal'): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" font-weight="${weight}" paint-order="stroke" stroke="#ffffff" stroke-width="3">${content}</text>`;
}

function rectangle(x: number, y: number, width: number, height: number, colour: string): string {
  return `<rect x="${x}" y="${y}" width="${round(width)}" height="${round(height)}" fill="${colour}"/>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
