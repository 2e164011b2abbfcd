import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { page, pages, PROJECT, readProjectFile } from '../../support/documents';

const text = readProjectFile('llms.txt');
const lines = text.split('\n').filter((line) => line.startsWith('- '));

it('llms.txt is as its script writes it: node scripts/llms.mjs brings it up to date', () => {
  const script = `import { llmsText } from './scripts/llms.mjs'; process.stdout.write(llmsText());`;
  const written = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: PROJECT });
  expect(text).toBe(written.toString('utf8'));
});

it('llms.txt has one line for each page, and no page that is not there', () => {
  const linked = lines.map((line) => /^- \[[^\]]+\]\(([\w./-]+)\)(: .+)?$/.exec(line)?.[1]);
  expect(linked.toSorted()).toEqual(
    pages()
      .map(({ path }) => path)
      .toSorted(),
  );
});

it('llms.txt names each section of a page', () => {
  const line = lines.find((each) => each.includes('(docs/alerts.md)'));
  for (const [, heading = ''] of page('docs/alerts.md').text.matchAll(/^## (.+)$/gm))
    expect(line).toContain(heading);
});

it('llms.txt is in the package', () => {
  const { files } = JSON.parse(readProjectFile('package.json')) as { files: string[] };
  expect(files).toContain('llms.txt');
  expect(readProjectFile(join('test', 'consumers', 'run.mjs'))).toContain("'llms.txt'");
});
