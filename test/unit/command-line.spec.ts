import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT, SIGNAL_EXIT } from '../../lib/cli/exit';
import { COMMANDS, type FlagRow, parseInvocation, rows } from '../../lib/cli/flags';
import { FINDINGS } from '../../lib/review/judge';
import { codeBlocks, page, readProjectFile, tableIn } from '../support/documents';
import { workflowErrors } from '../support/github-workflow';

const source = page('docs/command-line.md');

describe('docs/review.md', () => {
  it('lists every finding there is, and no other', () => {
    const rows = tableIn(page('docs/review.md'), 'findings');

    expect(rows.map(([kind]) => kind)).toEqual(FINDINGS.map(code));
  });

  it('has a workflow that GitHub knows every field of', async () => {
    const [workflow = ''] = codeBlocks(page('docs/review.md'), 'yaml');

    expect(await workflowErrors(workflow)).toEqual([]);
    expect(
      await workflowErrors(workflow.replace('fetch-depth', 'depth').replace('runs-on', 'run-on')),
    ).not.toEqual([]);
  });
});

describe('docs/command-line.md', () => {
  it('lists every flag there is, and no other, as the help does', () => {
    const expected = rows().map(([name, { short, value, multiple, commands, help, default: fallback }]) => [
      `\`${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` <${value}>`}\`` +
        (multiple ? ', repeatable' : ''),
      defaultCell(fallback),
      commands.length === Object.keys(COMMANDS).length ? 'all' : commands.map(code).join(', '),
      help,
    ]);

    expect(tableIn(source, 'flags')).toEqual(expected);
  });

  it('lists every exit code there is, and no other', () => {
    const codes = tableIn(source, 'exit-codes').map(([code, check]) => [code, check]);

    expect(codes.map(([code]) => code)).toEqual(
      [...Object.values(EXIT), ...Object.values(SIGNAL_EXIT)].map((code) => `\`${code}\``),
    );
    for (const [signal, code] of Object.entries(SIGNAL_EXIT)) {
      expect(codes.find(([documented]) => documented === `\`${code}\``)?.[1]).toContain(signal);
    }
  });

  const commands = ['command-line', 'kubernetes', 'pipelines', 'review', 'drift'].flatMap((name) =>
    codeBlocks(page(`docs/${name}.md`), 'sh', 'ini', '', 'yaml')
      .flatMap(
        (code) => code.match(/(?:nestjs-prometheus-migrations|main\.js) (?:check|metrics|review) .*/g) ?? [],
      )
      .map((line) => line.replace(/ (\||\|\|) .*/, '')),
  );

  it('has commands to check', () => {
    expect(commands.length).toBeGreaterThan(10);
  });

  it.each(commands)('%s is understood', (line) => {
    expect(parseInvocation(line.split(' ').slice(1))).toMatchObject({ help: false });
  });

  it.each(['command-line', 'review'])('docs/%s.md explains messages that there are', (name) => {
    const sources = ['lib/cli', 'lib/review', 'lib/verdict'].flatMap((folder) =>
      readdirSync(join(__dirname, '../..', folder)).map((file) => readProjectFile(`${folder}/${file}`)),
    );
    const text = sources.join('\n');
    const messages = tableIn(page(`docs/${name}.md`), 'messages').flatMap(
      ([cell = '']) => cell.match(/(?<=`)[^`]{2,}(?=`)/g) ?? [],
    );
    const own = messages.filter((message) => message !== 'npx' && !/^could not determine/.test(message));

    expect(own.length).toBeGreaterThan(9);
    for (const fragment of own.flatMap((message) => message.split('…').map((part) => part.trim()))) {
      expect(text).toContain(fragment);
    }
  });

  it('is linked by the README', () => {
    expect(readProjectFile('README.md')).toContain('(docs/command-line.md)');
  });
});

const code = (text: string) => `\`${text}\``;

/** A flag may have a default of its own for each command. */
function defaultCell(fallback: FlagRow['default'] = ''): string {
  if (typeof fallback === 'string') return fallback && code(fallback);
  return Object.entries(fallback)
    .map(([command, value]) => `${code(command)}: ${code(value)}`)
    .join(', ');
}
