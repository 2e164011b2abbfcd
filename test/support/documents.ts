import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const PROJECT = join(__dirname, '../..');

/** A page of the documentation. */
export interface Page {
  /** Its path from the project's root, as `docs/gates.md`. */
  readonly path: string;
  readonly text: string;
}

/** Every page that is written for people. */
export function pages(): Page[] {
  const paths = [
    ...readdirSync(PROJECT).filter((name) => name.endsWith('.md')),
    ...readdirSync(join(PROJECT, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  return paths.map(page);
}

export function page(path: string): Page {
  return { path, text: readProjectFile(path) };
}

export function readProjectFile(path: string): string {
  return readFileSync(join(PROJECT, path), 'utf8');
}

/** The cells of the table behind a marker, row by row, without the heading. */
export function tableIn({ text }: Page, marker: string): string[][] {
  const lines = (text.split(`<!-- ${marker} -->`)[1] ?? '').trim().split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(2, end === -1 ? undefined : end).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What a cell has in backticks, or all of it. */
export function codeIn(cell = ''): string {
  return /^`(.*)`$/.exec(cell)?.[1] ?? cell;
}

/** A fenced block. */
export interface Block {
  /** Where it is, as `docs/gates.md:12`. */
  readonly place: string;
  readonly language: string;
  readonly code: string;
}

export function blocksIn({ path, text }: Page): Block[] {
  return Array.from(text.matchAll(/^( *)```(\w*)\n(.*?)^\1```$/gms), (match) => {
    const [, indent = '', language = '', code = ''] = match;
    const line = text.slice(0, match.index).split('\n').length;
    return { place: `${path}:${line}`, language, code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), '') };
  });
}

/** The code of a page's blocks in some languages; the language `''` is none. */
export function codeBlocks(source: Page, ...languages: string[]): string[] {
  return blocksIn(source)
    .filter(({ language }) => languages.includes(language))
    .map(({ code }) => code);
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsIn({ text }: Page): string[] {
  const seen = new Map<string, number>();
  const prose = text.replaceAll(/^( *)```.*?^\1```$/gms, '');
  return Array.from(prose.matchAll(/^#+ (.+)$/gm), ([, heading = '']) => {
    const anchor = heading
      .toLowerCase()
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    const count = seen.get(anchor) ?? 0;
    seen.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  });
}
