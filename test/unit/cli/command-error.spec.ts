import { describe, expect, it } from 'vitest';
import { shortMessage } from '../../../lib/cli/command-error';

describe('shortMessage', () => {
  it.each([
    ['Unexpected token', 'Error: Unexpected token.'],
    ['Nothing to see here.', 'Error: Nothing to see here.'],
    ['Why?', 'Error: Why?'],
  ])('ends as a sentence: %s', (message, shown) => {
    expect(shortMessage(new Error(message))).toBe(shown);
  });
});
