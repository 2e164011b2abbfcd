import { describe, expect, it } from 'vitest';
import { allowancesIn } from '../../../lib/review/allowances';

describe('an allowance', () => {
  it.each([
    ['// migration-review: allow edited because it ran nowhere', ['edited'], 'it ran nowhere'],
    ['  * migration-review: allow late because of the hotfix', ['late'], 'of the hotfix'],
    ['/* migration-review: allow late, clash because so it is */', ['late', 'clash'], 'so it is'],
    ['class A { // migration-review: allow edited because so', ['edited'], 'so'],
  ])('is %s', (line, kinds, reason) => {
    expect(allowancesIn('a.ts', `\n${line}\n`)).toEqual([{ file: 'a.ts', line: 2, kinds, reason }]);
  });

  it.each([
    '// migration-review: allow edited',
    '// migration-review: allow because so',
    '// migration-review: allow all because so',
    '// migration-review: edited because so',
  ])('is not %s', (line) => expect(allowancesIn('a.ts', line)).toEqual([{ file: 'a.ts', line: 1 }]));

  it('is not looked for outside of comments', () => {
    expect(allowancesIn('a.ts', "q.query('migration-review: allow edited because so');")).toEqual([]);
  });
});
