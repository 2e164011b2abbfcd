import { describe, expect, it } from 'vitest';
import { type Command, COMMANDS, defaultOf, rows } from '../../../lib/cli/flags';
import { helpOf } from '../../../lib/cli/help';

const NAMES = Object.keys(COMMANDS) as Command[];

describe('helpOf', () => {
  it.each([undefined, ...NAMES])('%s fits a terminal of 100 columns, and ends its last line', (command) => {
    const text = helpOf(command);
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100);
    expect(text).toMatch(/[^\n]\n$/);
  });

  it('lists the commands', () => {
    for (const [command, help] of Object.entries(COMMANDS))
      expect(helpOf(undefined)).toMatch(new RegExp(`^  ${command} +${help}$`, 'm'));
  });

  it.each(NAMES)('of %s has every flag of it, and no other', (command) => {
    const text = helpOf(command);
    for (const [name, row] of rows()) {
      const { short, value, commands, help, multiple } = row;
      const fallback = defaultOf(row, command);
      const line = text
        .split('\n')
        .find((candidate) => new RegExp(`^ +(-\\w, )?--${name}( |$)`).test(candidate));
      if (!commands.includes(command)) {
        expect(line).toBeUndefined();
        continue;
      }
      expect(line).toContain(value === undefined ? `--${name}` : `--${name} <${value}>`);
      if (short !== undefined) expect(line).toContain(`-${short}, `);
      if (fallback !== undefined) expect(line).toContain(`(default: ${fallback})`);
      expect(line?.includes('(repeatable)')).toBe(multiple === true);
      expect(text.replace(/\s+/g, ' ')).toContain(help);
    }
  });

  it.each([
    ['check', ['0 ', '1 ', '2 ', '130 ']],
    ['metrics', ['0 ', '2 ', '130 ']],
    ['review', ['0 ', '1 ', '2 ', '130 ']],
  ] as const)('of %s has every exit code', (command, codes) => {
    const section = helpOf(command).split('Exit codes:\n')[1]?.split('\n\n')[0] ?? '';
    expect(section.split('\n').map((line) => line.trim().slice(0, line.trim().indexOf(' ') + 1))).toEqual(
      codes,
    );
  });

  it.each(NAMES)('of %s has examples that can be parsed', async (command) => {
    const { parseInvocation } = await import('../../../lib/cli/flags.js');
    const examples = helpOf(command).split('Examples:\n')[1]?.split('\n\n')[0]?.trim().split('\n') ?? [];
    expect(examples.length).toBeGreaterThan(1);
    for (const example of examples) {
      const [, ...args] = example.trim().split(' ');
      expect(parseInvocation(args).command).toBe(command);
    }
  });
});
