const FIRST = 52;
const LINE = 20;
const MARGIN = 20;
const CHARACTER = 8.15;

const COMMAND = '#e6edf3';
const RESULT = '#9ecbff';
const BAD = '#ffa657';
const GOOD = '#7ee787';

const escaped = (text: string) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#x27;');

const marked = (text: string, fill: string) => `<tspan fill="${fill}" font-weight="bold">${text}</tspan>`;

/** A picture of a terminal, as docs/sample-app.svg. Lines that begin with `$ ` are what somebody has typed. */
export function terminalPicture(title: string, lines: readonly string[]): string {
  const width = Math.ceil(Math.max(...lines.map((line) => line.length)) * CHARACTER) + 2 * MARGIN;
  const height = FIRST + lines.length * LINE + 4;
  const texts = lines.map((line, index) => {
    if (line === '') return [];
    const fill = line.startsWith('$ ') ? COMMAND : RESULT;
    const text = escaped(line)
      .replace(/(?<= )no(?= )/, marked('no', BAD))
      .replace(/(?<= )yes(?= )/, marked('yes', GOOD));
    return [
      `<text x="${MARGIN}" y="${FIRST + index * LINE}" xml:space="preserve" fill="${fill}">${text}</text>`,
    ];
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13.5">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>`,
    '<circle cx="20" cy="18" r="6" fill="#ff5f56"/><circle cx="40" cy="18" r="6" fill="#ffbd2e"/><circle cx="60" cy="18" r="6" fill="#27c93f"/>',
    ...texts.flat(),
    '</svg>',
  ].join('\n')}\n`;
}
