import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { PROJECT, readProjectFile } from '../support/documents';
import { dashboard } from '../support/dashboard';
import { evaluate, hasJsonnet, isFormatted } from '../support/jsonnet';
import { failingCases, hasPrometheus, parseRuleTests } from '../support/promtool';
import type { Rule } from '../support/rules';

interface Groups {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

/** The rules of all groups. A YAML parser may fold lines or keep them, which is the same to PromQL. */
const rulesOf = ({ groups }: Groups) =>
  groups
    .flatMap(({ rules }) => rules)
    .map((rule) => ({ ...rule, expr: rule.expr.trim().replaceAll(/\s+/g, ' ') }));
const mixinOf = (config = '') =>
  evaluate(`{ rules: (mixin ${config}).prometheusRules, alerts: (mixin ${config}).prometheusAlerts }`) as {
    rules: Groups;
    alerts: Groups;
  };
const generated = (...args: string[]) =>
  parse(
    execFileSync(process.execPath, [join(PROJECT, 'monitoring/generate.mjs'), ...args], { encoding: 'utf8' }),
  ) as Groups;

describe.skipIf(!hasJsonnet)('the monitoring mixin', () => {
  it.each([
    ['as shipped', '', []],
    [
      'for other settings',
      "{ _config+:: { runbooks: 'https://wiki.example.com/m', metrics: 'acme_typeorm', by: ['cluster', 'region'] } }",
      [
        '--runbooks',
        'https://wiki.example.com/m',
        '--metrics',
        'acme_typeorm',
        '--by',
        'cluster',
        '--by',
        'region',
      ],
    ],
  ])('has the rules of generate.mjs, %s', (_, config, args) => {
    const { rules, alerts } = mixinOf(config);
    const wanted = rulesOf(generated(...args));
    expect(rulesOf(rules)).toEqual(wanted.filter(({ record }) => record !== undefined));
    expect(rulesOf(alerts)).toEqual(wanted.filter(({ alert }) => alert !== undefined));
  });

  it('names its groups so that they differ', () => {
    const { rules, alerts } = mixinOf();
    expect([...rules.groups, ...alerts.groups].map(({ name }) => name)).toEqual([
      'typeorm-migrations.records',
      'typeorm-migrations.alerts',
    ]);
  });

  it('has the dashboard', () => {
    expect(evaluate('mixin.grafanaDashboards')).toEqual({ 'migrations.json': dashboard });
  });

  it('adds to what another mixin has', () => {
    const both =
      "({ grafanaDashboards+:: { 'a.json': {} }, prometheusAlerts+:: { groups+: [{ name: 'a' }] } } + mixin)";
    const names = `{ dashboards: std.objectFields(${both}.grafanaDashboards), groups: [g.name for g in ${both}.prometheusAlerts.groups] }`;
    expect(evaluate(names)).toEqual({
      dashboards: ['a.json', 'migrations.json'],
      groups: ['a', 'typeorm-migrations.alerts'],
    });
  });

  it.each(readdirSync(join(PROJECT, 'monitoring/mixin')))('%s is formatted', (file) => {
    expect(isFormatted(`monitoring/mixin/${file}`)).toBe(true);
  });

  it.skipIf(!hasPrometheus).each(['unapplied', 'absent'])(
    'has rules that pass the cases of %s in their two groups',
    async (name) => {
      const { rules, alerts } = mixinOf();
      const cases = parseRuleTests(readProjectFile(`test/monitoring/rules/${name}.test.yml`));
      const groups = [...rules.groups, ...alerts.groups];
      // Without it promtool evaluates the groups in another order each time.
      const inOrder = { ...cases, group_eval_order: groups.map((group) => group.name) };
      expect(await failingCases(stringify({ groups }), inOrder)).toEqual([]);
    },
    120_000,
  );
});
