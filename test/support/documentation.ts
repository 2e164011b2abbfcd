import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const PROJECT = join(__dirname, '../..');

export function readProjectFile(path: string): string {
  return readFileSync(join(PROJECT, path), 'utf8');
}

/** The fenced code blocks of a Markdown page that are written in one of the languages. */
export function codeBlocks(page: string, ...languages: string[]): string[] {
  return [...page.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, language = '']) => languages.includes(language))
    .map(([, , code = '']) => code);
}

/** The cells of the table behind a marker, row by row, without the heading. */
export function tableAfter(marker: string, page: string): string[][] {
  const lines = (page.split(`<!-- ${marker} -->`)[1] ?? '').trim().split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(2, end).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}
