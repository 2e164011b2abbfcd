import { describe, expect, it } from 'vitest';
import { loadMessage, placeOf } from '../../../lib/cli/load-error';

describe('placeOf', () => {
  it.each([
    [
      'a module that is not found: the file that requires it',
      Object.assign(new Error("Cannot find module './gone'"), {
        requireStack: ['/app/m/1-A.js', '/app/ds.js'],
      }),
      ' It comes from /app/m/1-A.js.',
    ],
    [
      'the frame that threw',
      {
        stack:
          'TypeError: no\n    at Object.<anonymous> (/app/m/1-A.js:3:7)\n    at load (node:internal/x:1:2)',
      },
      ' It comes from /app/m/1-A.js:3.',
    ],
    [
      'an ES module, past Node.js and packages',
      {
        stack:
          'Error\n    at new X (/app/node_modules/x/i.js:1:2)\n    at node:internal/m:9:1\n    at file:///app/m/1-A.mjs:2:7',
      },
      ' It comes from /app/m/1-A.mjs:2.',
    ],
    ['nothing that is known', { stack: 'Error: no stack' }, ''],
    ['no error', undefined, ''],
    ['a stack that is no text', { stack: {} }, ''],
  ])('names %s', (_what, error, place) => expect(placeOf(error)).toBe(place));
});

describe('loadMessage', () => {
  it.each([
    "Nest can't resolve dependencies of the B (?).",
    "Cannot read properties of undefined (reading 'go')",
  ])('says that tsx has no decorator metadata: %s', (message) => {
    const hint = 'tsx has no decorator metadata: install @swc-node/register or ts-node, ';
    expect(loadMessage(new Error(message), 'tsx')).toContain(hint);
    expect(loadMessage(new Error(message), '@swc-node/register')).not.toContain('metadata');
    expect(loadMessage(new Error(message))).not.toContain('metadata');
  });
});
