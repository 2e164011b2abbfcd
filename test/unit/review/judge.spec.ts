import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judge, type Judging, type States } from '../../../lib/review/judge';
import type { SourceMigration } from '../../../lib/review/migration';

const JUDGING: Judging = {
  base: 'main',
  commit: 'abc1234',
  now: 1_800_000_000_000,
  isSame: (one, other) => one.text === other.text,
  lacksDown: ({ text }) => text.includes('no down'),
};

function migration(timestamp: number, text = 'code', file = `${timestamp}.ts`): SourceMigration {
  return { name: `M${1_700_000_000_000 + timestamp}`, timestamp: 1_700_000_000_000 + timestamp, file, text };
}

function judged(states: Partial<States>, judging = JUDGING): string[] {
  const { findings } = judge(
    { mergeBase: [], tip: states.mergeBase ?? [], branch: [], forgotten: [], ...states },
    judging,
  );
  return findings.map(
    (finding) => `${finding.kind} ${Number(finding.migration.slice(1)) - 1_700_000_000_000}`,
  );
}

describe('judge', () => {
  const [one, two, three] = [migration(1), migration(2), migration(3)];

  it.each<[what: string, states: Partial<States>, expected: readonly string[]]>([
    ['nothing at all', {}, []],
    ['a base without migrations', { branch: [one, two] }, []],
    [
      'newer than the merge base, older than the tip',
      { mergeBase: [one], tip: [one, three], branch: [one, two] },
      ['late 2'],
    ],
    [
      'older than what the tip has removed',
      { mergeBase: [one, three], tip: [one], branch: [one, two, three] },
      ['late 2'],
    ],
    ['removed in both', { mergeBase: [one, two], tip: [one], branch: [one] }, []],
    ['edited in the base alone', { mergeBase: [one], tip: [migration(1, 'new')], branch: [one] }, []],
    [
      'edited as in the base',
      { mergeBase: [one], tip: [migration(1, 'new')], branch: [migration(1, 'new')] },
      [],
    ],
    [
      'edited in another way than in the base',
      { mergeBase: [one], tip: [migration(1, 'new')], branch: [migration(1, 'own')] },
      ['edited 1'],
    ],
    [
      'cherry-picked, and changed',
      { mergeBase: [], tip: [one], branch: [migration(1, 'own')] },
      ['edited 1'],
    ],
    [
      'cherry-picked into another file',
      { mergeBase: [], tip: [one], branch: [migration(1, 'code', 'other.ts')] },
      ['clash 1'],
    ],
    [
      'a copy beside the original',
      { mergeBase: [one], branch: [one, migration(1, 'code', 'copy.ts')] },
      ['clash 1'],
    ],
    [
      'a moved file, and another with its name',
      { mergeBase: [one], branch: [migration(1, 'new', 'a.ts'), migration(1, 'code', 'b.ts')] },
      ['clash 1'],
    ],
    [
      'as old as the newest of the base',
      { mergeBase: [one], branch: [one, { ...one, name: 'N1700000000001', file: 'n.ts' }] },
      ['clash 1'],
    ],
    ['no down()', { mergeBase: [one], branch: [one, migration(2, 'no down')] }, ['no-down 2']],
    [
      'no down() in the base',
      { mergeBase: [migration(1, 'no down')], branch: [migration(1, 'no down')] },
      [],
    ],
    ['forgotten', { mergeBase: [one], branch: [one], forgotten: [two] }, ['not-loaded 2']],
    [
      'loaded no more',
      { mergeBase: [one, two], branch: [one], forgotten: [migration(2, 'code', 'old/2.ts')] },
      ['removed 2'],
    ],
  ])('%s', (_what, states, expected) => expect(judged(states)).toEqual(expected));

  it('names timestamps that work, and keep the order of the branch', () => {
    const list = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 8 });
    const nows = fc.constantFrom(0, 1_700_000_000_030, 1_800_000_000_000);
    fc.assert(
      fc.property(list, list, nows, (base, added, now) => {
        const mergeBase = base.map((timestamp) => migration(timestamp));
        const fresh = added
          .filter((timestamp) => !base.includes(timestamp))
          .map((timestamp) => migration(timestamp));
        const states = { mergeBase, tip: mergeBase, branch: [...mergeBase, ...fresh], forgotten: [] };
        const late = judge(states, { ...JUDGING, now }).findings;
        const renamed = late.map(({ fix }) => Number(/as in M(\d+)\./.exec(fix)?.[1]));
        const newest = Math.max(...mergeBase.map(({ timestamp }) => timestamp));

        expect(renamed.every((timestamp) => timestamp > newest)).toBe(true);
        expect(new Set(renamed).size).toBe(renamed.length);
        const kept = fresh.filter(({ name }) => !late.some(({ migration: other }) => other === name));
        expect(kept.some(({ timestamp }) => renamed.includes(timestamp))).toBe(false);
      }),
    );
  });
});
