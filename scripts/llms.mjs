// Writes llms.txt: one line for each page, with its title and the titles of its sections.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const ROOT = new URL('..', import.meta.url);
/** A fixed line, because a release changes the changelog's headings and llms.txt must stay current. */
const LINES = { 'CHANGELOG.md': 'Changelog: what each release brings' };
const OPTIONAL = [
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'docs/architecture.md',
  'docs/performance.md',
];

const read = (path) => readFileSync(new URL(path, ROOT), 'utf8');

/** Returns a heading without links and code marks. */
const plain = (heading) => heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '');

function lineOf(path) {
  const prose = read(path).replaceAll(/^( *)```.*?^\1```$/gms, '');
  const headings = (marks) =>
    Array.from(prose.matchAll(new RegExp(`^${marks} (.+)$`, 'gm')), ([, text]) => plain(text));
  const [title = path] = headings('#');
  const sections = headings('##').filter((heading) => heading !== 'Contents');
  const [name, words] = (LINES[path] ?? [title, sections.join(', ')].filter(Boolean).join(': ')).split(
    /: (.*)/s,
  );
  return `- [${name}](${path})${words === undefined ? '' : `: ${words}`}`;
}

/** Returns the text, in the order of the README's links. */
export function llmsText() {
  const docs = readdirSync(new URL('docs', ROOT)).filter((name) => name.endsWith('.md'));
  const paths = [
    ...docs.map((name) => `docs/${name}`),
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
  ].sort();
  const table = read('README.md').split('## All pages')[1] ?? '';
  const place = (path) => (table.includes(`(${path})`) ? table.indexOf(`(${path})`) : Infinity);
  const ordered = [
    'README.md',
    ...paths.toSorted((a, b) => (place(a) < place(b) ? -1 : place(a) > place(b) ? 1 : 0)),
  ];
  const list = (isOptional) => ordered.filter((path) => OPTIONAL.includes(path) === isOptional).map(lineOf);
  const { name, description } = JSON.parse(read('package.json'));
  return [
    `# ${name}`,
    '',
    `> ${description}.`,
    '',
    'Paths are relative to this file, in the package and in the repository.',
    '',
    '## Docs',
    '',
    ...list(false),
    '',
    '## Optional',
    '',
    ...list(true),
    '',
  ].join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(new URL('llms.txt', ROOT), llmsText());
}
