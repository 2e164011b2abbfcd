import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as exported from '../../lib';
import { FAILURE_REASONS } from '../../lib/migration/failure';
import { MODULE_OPTIONS } from '../../lib/options/option.table';
import { resolve } from '../../lib/options/resolve';
import { DRIFT_GAUGES, MIGRATION_GAUGES, RUN_METRICS } from '../../lib/metrics/metric.table';
import { METRIC_NAMES } from '../../lib/metrics/metric.names';
import { ADVICE } from '../../lib/verdict/advice';
import { anchorsIn, codeIn, page, pages, PROJECT, tableIn } from '../support/documents';
import { snapshotOf } from '../support/snapshots';

describe('README', () => {
  it('can be read in one sitting', () => {
    expect(page('README.md').text.split('\n').length).toBeLessThanOrEqual(250);
  });

  it('links to every page', () => {
    const linked = Array.from(page('README.md').text.matchAll(/\]\(([\w./-]+\.md)/g), ([, path]) => path);
    const all = pages().map(({ path }) => path);
    expect(linked).toEqual(
      expect.arrayContaining(all.filter((path) => !['README.md', 'CHANGELOG.md'].includes(path))),
    );
  });
});

describe('docs/metrics.md', () => {
  const rows = tableIn(page('docs/metrics.md'), 'metrics');

  it('lists every metric there is, and no other', () => {
    expect(rows.map(([name]) => codeIn(name)).sort()).toEqual(Object.values(METRIC_NAMES).sort());
    const types = new Map(rows.map(([name, type]) => [codeIn(name), type]));
    for (const row of Object.values(RUN_METRICS))
      expect(types.get(METRIC_NAMES[row.key])).toBe('buckets' in row ? 'histogram' : 'gauge');
    expect(types.get(METRIC_NAMES.collectionErrors)).toBe('counter');
  });

  it('says what each gauge reads if the database cannot be read', () => {
    const failed = {
      status: 'failed',
      reason: 'denied',
      durationSeconds: 7,
      sequence: 1,
      startedAt: 0,
      at: 0,
    } as const;
    for (const { key, value } of [...MIGRATION_GAUGES, ...DRIFT_GAUGES]) {
      const reads = value(snapshotOf({ collection: failed, lastSuccess: 7, driftJudgedAt: 7000 }));
      const words = reads === undefined ? 'left out' : reads === 7 ? 'kept' : `\`${reads}\``;
      const row = rows.find(([name]) => codeIn(name) === METRIC_NAMES[key]);
      expect([row?.[1], row?.[3]], key).toEqual(['gauge', words]);
    }
  });
});

describe('docs/configuration.md', () => {
  const rows = tableIn(page('docs/configuration.md'), 'options');

  it('lists every option there is, and no other, with its default', () => {
    const documented = Object.fromEntries(rows.map(([option, value]) => [codeIn(option), codeIn(value)]));
    const defaults = Object.entries(resolve(MODULE_OPTIONS, {}, {})).map(([option, value]) => [
      option,
      option === 'registry'
        ? 'register'
        : value === undefined
          ? 'none'
          : JSON.stringify(value).replaceAll('"', "'"),
    ]);
    expect(documented).toEqual(Object.fromEntries(defaults));
  });

  it('names the environment variable of each option', () => {
    const documented = rows.map(([option, , variable = '']) => [
      codeIn(option),
      /`(\w+)`/.exec(variable)?.[1],
    ]);
    const variables = Object.entries(MODULE_OPTIONS).map(([option, { variable }]) => [option, variable]);
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(variables));
  });
});

describe('docs/troubleshooting.md', () => {
  it('says what each reason means and what to do, as the command line does', () => {
    const rows = tableIn(page('docs/troubleshooting.md'), 'reasons');
    expect(rows).toEqual(
      FAILURE_REASONS.map((reason) => [`\`${reason}\``, ADVICE[reason].meaning, ADVICE[reason].fix]),
    );
  });

  it('lists every error class that is exported', () => {
    const documented = tableIn(page('docs/troubleshooting.md'), 'errors').map(([name]) => codeIn(name));
    const classes = Object.keys(exported).filter((name) => name.endsWith('Error'));
    expect([...documented, 'PrometheusMigrationsError'].sort()).toEqual(classes.sort());
  });
});

describe.each(pages())('$path', (source) => {
  const { path, text } = source;

  it('links to files and headings that there are', () => {
    const prose = text.replaceAll(/^( *)```.*?^\1```$/gms, '');
    const targets = [
      ...prose.matchAll(/\]\(([^)\s]+)\)/g),
      ...prose.matchAll(/(?:src|srcset)="([^"]+)"/g),
    ].map(([, target = '']) => target);
    const broken = targets
      .filter((target) => !/^(https?|mailto):/.test(target))
      .filter((target) => {
        const [file = '', anchor] = target.split('#');
        const linked = file === '' ? path : normalize(join(dirname(path), file));
        if (!existsSync(join(PROJECT, linked))) return true;
        return anchor !== undefined && !anchorsIn(page(linked)).includes(anchor);
      });
    expect(broken).toEqual([]);
  });

  it('names no environment variable that nobody reads', () => {
    const known = Object.values(MODULE_OPTIONS).flatMap(({ variable }) => variable ?? []);
    const named = text.match(/\bPROMETHEUS_[A-Z_]+\b/g) ?? [];
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });
});
