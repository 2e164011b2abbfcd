import { register } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { METRIC_NAMES } from '../../lib/prometheus/names';
import { MIGRATION_GAUGES } from '../../lib/prometheus/gauges';
import { readProjectFile, tableAfter } from '../support/documentation';
import { snapshotOf } from '../support/snapshots';
import { resolveModuleOptions } from '../../lib/options/resolve';

const readme = readProjectFile('README.md');

const table = (marker: string) => tableAfter(marker, readme);
const code = (cell = '') => /^`(.*)`$/.exec(cell)?.[1] ?? cell;

describe('README', () => {
  it('lists every metric there is, and no other, with its type', () => {
    const documented = table('metrics').map(([name, type]) => [code(name), type]);
    expect(documented).toEqual([
      ...MIGRATION_GAUGES.map(({ key }) => [METRIC_NAMES[key], 'gauge']),
      [METRIC_NAMES.collectionErrors, 'counter'],
    ]);
  });

  it('says what each gauge reads where the truth is not known', () => {
    const failed = {
      status: 'failed',
      reason: 'denied',
      durationSeconds: 7,
      sequence: 1,
      startedAt: 0,
      at: 0,
    } as const;
    for (const [index, { key, value }] of MIGRATION_GAUGES.entries()) {
      const reads = value(snapshotOf({ collection: failed, lastSuccess: 7 }));
      const words = reads === undefined ? 'left out' : reads === 7 ? 'kept' : `\`${reads}\``;
      expect(table('metrics')[index]?.[3], key).toBe(words);
    }
  });

  it('lists every option there is, and no other, with its default', () => {
    const documented = Object.fromEntries(
      table('options').map(([option, value]) => [code(option), code(value)]),
    );
    const defaults = Object.entries(resolveModuleOptions({}, {})).map(([option, value]) => [
      option,
      value === undefined
        ? 'none'
        : value === register
          ? 'register'
          : JSON.stringify(value).replaceAll('"', "'"),
    ]);
    expect(documented).toEqual(Object.fromEntries(defaults));
  });
});
