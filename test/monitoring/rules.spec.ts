import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assertPromql } from '../support/promql';
import { failingCases, hasPrometheus, parseRuleTests, PROMTOOLS, type RuleTests } from '../support/promtool';
import { alertsIn, rulesIn } from '../support/rules';
import { type Mutation, MUTATIONS } from './rules.mutations';

const PROJECT = join(__dirname, '../..');
const RULES = read('monitoring/prometheus/migrations.rules.yml');
const COMPAT_RULES = read('monitoring/prometheus/django-compat.rules.yml');

/** Several run at a time, each for seconds. */
const PROMTOOL_MS = 120_000;

/** Each alert's cases. The two that django-compat has in common with the others pass the very same ones. */
const SUITES: Record<string, { rules: string; cases: RuleTests }> = {
  TypeormMigrationsUnapplied: { rules: RULES, cases: cases('unapplied') },
  TypeormMigrationsAppliedDecreased: { rules: RULES, cases: cases('applied-decreased') },
  TypeormMigrationsDatabaseUnreachable: { rules: RULES, cases: cases('database-unreachable') },
  TypeormMigrationsDataSourceClosed: { rules: RULES, cases: cases('data-source-closed') },
  TypeormMigrationsPartlyUnreachable: { rules: RULES, cases: cases('partly-unreachable') },
  TypeormMigrationsDatabaseAhead: { rules: RULES, cases: cases('database-ahead') },
  TypeormMigrationsOutOfOrder: { rules: RULES, cases: cases('out-of-order') },
  TypeormMigrationsSchemaDrift: { rules: RULES, cases: cases('schema-drift') },
  TypeormMigrationsNoneDefined: { rules: RULES, cases: cases('none-defined') },
  TypeormMigrationsReplicasDisagree: { rules: RULES, cases: cases('replicas-disagree') },
  TypeormMigrationsAbsent: { rules: RULES, cases: cases('absent') },
  TypeormMigrationsRunFailed: { rules: RULES, cases: cases('run-failed') },
  TypeormMigrationsRunStuck: { rules: RULES, cases: cases('run-stuck') },
  MigrationsUnapplied: { rules: COMPAT_RULES, cases: cases('unapplied', asDjango) },
  MigrationsAppliedDecreased: { rules: COMPAT_RULES, cases: cases('applied-decreased', asDjango) },
  MigrationsDatabaseUnreachable: { rules: COMPAT_RULES, cases: cases('django-compat') },
};

it('has cases for every alert', () => {
  expect(Object.keys(SUITES)).toEqual([...alertsIn(rulesIn(RULES)), ...alertsIn(rulesIn(COMPAT_RULES))]);
});

it('is PromQL in every rule', () => {
  for (const { expr } of [...rulesIn(RULES), ...rulesIn(COMPAT_RULES)]) assertPromql(expr);
});

describe.skipIf(!hasPrometheus).concurrent('promtool test rules', { timeout: PROMTOOL_MS }, () => {
  for (const [alert, { rules, cases }] of Object.entries(SUITES)) {
    for (const { program, version } of PROMTOOLS) {
      it(`${alert}: ${cases.tests.length} cases, promtool ${version}`, async () => {
        expect(await failingCases(rules, cases, program)).toEqual([]);
      });
    }
  }
});

describe
  .skipIf(!hasPrometheus)
  .concurrent('promtool test rules, through OpenTelemetry', { timeout: PROMTOOL_MS }, () => {
    for (const [alert, { rules, cases }] of Object.entries(SUITES).filter(
      ([, suite]) => suite.rules === RULES,
    )) {
      it(`${alert}: the same, though what is known no more is NaN`, async () => {
        expect(await failingCases(rules, asOpenTelemetry(cases))).toEqual([]);
      });
    }
  });

describe
  .skipIf(!hasPrometheus)
  .concurrent('a weakened rule fails its cases', { timeout: PROMTOOL_MS }, () => {
    for (const { alert, killedBy, ...mutation } of MUTATIONS) {
      it(`${alert}: ${mutation.weakening}: killed by "${killedBy}"`, async () => {
        const { rules, cases } = SUITES[alert]!;
        const tests = cases.tests.filter(({ name }) => name === killedBy);

        expect(await failingCases(weakened(rules, mutation), { ...cases, tests })).toEqual([killedBy]);
      });
    }
  });

describe('the rules for both sets of names', () => {
  it('are the same where they are about the same', () => {
    const compat = new Map(rulesIn(COMPAT_RULES).map((rule) => [rule.record ?? rule.alert, rule]));
    compat.delete('MigrationsDatabaseUnreachable');

    const own = new Map(rulesIn(asDjango(RULES)).map((rule) => [rule.record ?? rule.alert, rule]));
    expect(compat.size).toBe(7);
    for (const [name, rule] of compat) expect(rule).toEqual(own.get(name));
  });
});

function cases(name: string, change = (text: string) => text): RuleTests {
  return parseRuleTests(change(read(`test/monitoring/rules/${name}.test.yml`)));
}

function asDjango(text: string): string {
  return text
    .replaceAll('typeorm_migrations', 'django_migrations')
    .replaceAll('TypeormMigrations', 'Migrations');
}

/** The cases as OpenTelemetry exports them: a gauge that is left out is `NaN` from then on. */
function asOpenTelemetry({ tests, ...rest }: RuleTests): RuleTests {
  return {
    ...rest,
    tests: tests.map((test) => ({
      ...test,
      input_series: test.input_series.map(({ series, values }) => ({
        series,
        values: /_(errors_total|bucket|count|sum)\{|^up\{/.test(series) ? values : withNaN(values),
      })),
    })),
  };
}

function withNaN(values: string): string {
  return values
    .replace(/\bstale$/, NaNs(MOST_MINUTES))
    .replaceAll(/\bstale _x(\d+)/g, (_gap, blanks: string) => NaNs(1 + Number(blanks)))
    .replaceAll(/\bstale\b/g, 'NaN');
}

/** promtool does not repeat a NaN. */
function NaNs(minutes: number): string {
  return Array.from({ length: minutes }, () => 'NaN').join(' ');
}

/** No case goes on for longer. */
const MOST_MINUTES = 1600;

/** The rules with one of them changed. */
function weakened(text: string, { rule, from, to }: Pick<Mutation, 'rule' | 'from' | 'to'>): string {
  const start = text.search(new RegExp(`- (alert|record): ${rule}\n`));
  const next = text.indexOf('\n\n', start);
  const block = text.slice(start, next === -1 ? undefined : next);
  const changed = block.replace(from, to);
  expect(changed, `${String(from)} must be in ${rule}`).not.toBe(block);
  return text.replace(block, () => changed);
}

function read(path: string): string {
  return readFileSync(join(PROJECT, path), 'utf8');
}
