import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closest } from '../../../lib/options/did-you-mean';

const KNOWN = ['--data-source', '--module', '--import', '--json', '--wait', '--help'];

describe('closest', () => {
  it.each([
    ['--jsn', '--json'],
    ['--josn', '--json'],
    ['--JSON', '--json'],
    ['--datasource', '--data-source'],
    ['--data_source', '--data-source'],
    ['--dataSources', '--data-source'],
    ['--modul', '--module'],
    ['--imports', '--import'],
    ['--wiat', '--wait'],
    ['-help', '--help'],
  ])('takes %s for %s', (typed, meant) => expect(closest(typed, KNOWN)).toBe(meant));

  it.each(['', '-x', '--verbose', '--config', '--transaction'])('takes %s for nothing', (typed) =>
    expect(closest(typed, KNOWN)).toBeUndefined(),
  );

  it('counts two neighbours swapped as one mistake', () =>
    expect(closest('abdc', ['abxy', 'abcd'])).toBe('abcd'));

  it('has nothing to choose from', () => expect(closest('--json', [])).toBeUndefined());

  it('knows every word itself, and with two neighbours swapped', () => {
    fc.assert(
      fc.property(fc.constantFrom(...KNOWN), fc.nat(), (word, at) => {
        const i = at % (word.length - 1);
        const swapped = word.slice(0, i) + word.charAt(i + 1) + word.charAt(i) + word.slice(i + 2);
        expect(closest(word, KNOWN)).toBe(word);
        expect(closest(swapped, KNOWN)).toBe(word);
      }),
    );
  });
});
