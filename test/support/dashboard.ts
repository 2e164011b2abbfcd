import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Dashboard, type Panel, VariableType } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';

/** The dashboard that users import, as it is in the repository. */
export const dashboardFile = readFileSync(
  join(__dirname, '../../monitoring/grafana/migrations.json'),
  'utf8',
);
export const dashboard = JSON.parse(dashboardFile) as Dashboard;

/** All but the rows that they stand in. */
export const panels = (dashboard.panels ?? []).filter((panel): panel is Panel => panel.type !== 'row');

export const targetsOf = (panel: Panel) => (panel.targets ?? []) as Dataquery[];

/**
 * Every expression in the dashboard, as Grafana sends it to Prometheus with everything selected.
 *
 * @throws for a variable that Grafana and the dashboard do not have
 */
export function dashboardExpressions(prefix = 'typeorm'): { panel: string; expression: string }[] {
  const values: Record<string, string> = {
    metrics: prefix,
    namespace: '.*',
    job: '.*',
    connection: '.*',
    __rate_interval: '5m',
    __interval: '30s',
    __range: '6h',
  };
  const substitute = (expression: string) =>
    expression.replace(/\$(?:\{(\w+)\}|(\w+))/g, (text, braced?: string, bare?: string) => {
      const value = values[braced ?? bare ?? ''];
      if (value === undefined) throw new Error(`No variable of the dashboard: ${text} in ${expression}`);
      return value;
    });
  return [
    ...panels.flatMap((panel) =>
      targetsOf(panel).map(({ expr }) => ({ panel: panel.title ?? '', expression: expr })),
    ),
    ...(dashboard.annotations.list ?? []).map(({ name, expr }) => ({ panel: name, expression: expr ?? '' })),
    ...(dashboard.templating.list ?? [])
      .filter(({ type }) => type === VariableType.Query)
      .map(({ name, query }) => ({ panel: `$${name}`, expression: selectorOf(query) })),
  ].map(({ panel, expression }) => ({ panel, expression: substitute(expression) }));
}

/** Expressions that have an answer only where something is instrumented with `instrumentMigrations`. */
export const ABOUT_RUNS = /_migrations_(run|runs|last_run)_/;
/** Expressions that have an answer only with the option `drift`. */
export const ABOUT_DRIFT = /_migrations_schema_drift_/;

/** What is PromQL in the query of a variable. */
function selectorOf(query: unknown): string {
  const selector = /^label_values\((.+), \w+\)$/.exec(String(query))?.[1];
  if (selector === undefined) throw new Error(`No label_values(…): ${String(query)}`);
  return selector;
}
