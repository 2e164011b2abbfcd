import { describe, expect, it } from 'vitest';
import { metricNames } from '../../lib/metrics/metric.names';
import { migrationsDashboard, sharedDashboard } from '../../monitoring/grafana/migrations.dashboard';
import { dashboard, dashboardExpressions, dashboardFile, panels, targetsOf } from '../support/dashboard';
import { readProjectFile } from '../support/documents';
import { assertPromql, metricNamesIn, metricOf, nodesOf, type SyntaxNode } from '../support/promql';

const prefixes = ['typeorm', 'django', 'acme_typeorm'];

describe('Grafana dashboard', () => {
  it('is in the repository as it is built', () => {
    expect(dashboardFile).toBe(`${JSON.stringify(migrationsDashboard(), null, 2)}\n`);
  });

  it('has what Grafana knows it by, and how it opens', () => {
    expect(dashboard).toMatchObject({
      title: 'Migrations',
      uid: 'nestjs-prometheus-migrations',
      editable: true,
      time: { from: 'now-6h', to: 'now' },
      refresh: '30s',
    });
    const ids = (dashboard.panels ?? []).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('asks the data source that is chosen, wherever it asks one', () => {
    const datasources: unknown[] = [];
    JSON.parse(dashboardFile, (key, value: unknown) => {
      if (key === 'datasource') datasources.push(value);
      return value;
    });
    const asking = [
      ...panels,
      ...panels.flatMap(targetsOf),
      ...(dashboard.templating.list ?? []).filter(({ name }) => name !== 'datasource'),
    ];
    expect(datasources).toEqual(asking.map(() => ({ type: 'prometheus', uid: '${datasource}' })));
  });

  it('explains every panel, and names every line', () => {
    expect(panels.length).toBeGreaterThan(8);
    for (const panel of panels) {
      const { title, description, fieldConfig } = panel;
      expect(title, JSON.stringify(panel)).toMatch(/\w/);
      expect(description, title).toMatch(/\w+.*\.$/);
      expect(fieldConfig?.defaults.unit ?? fieldConfig?.defaults.mappings?.length, title).toBeTruthy();
      expect(targetsOf(panel).length, title).toBeGreaterThan(0);
      for (const { legendFormat } of targetsOf(panel)) {
        expect(legendFormat, title).toContain('{{namespace}} {{job}} {{connection}}');
      }
    }
  });

  it('lets everything through that is not filtered by choice', () => {
    const filters = (dashboard.templating.list ?? []).filter(({ multi }) => multi);
    expect(filters.map(({ name }) => name)).toEqual(['namespace', 'job', 'connection']);
    for (const filter of filters) {
      expect(filter).toMatchObject({ includeAll: true, allValue: '.*', current: { value: ['$__all'] } });
    }
  });

  it('finds the prefix of every name that the metrics can have', () => {
    const variable = dashboard.templating.list?.find(({ name }) => name === 'metrics');
    const regex = new RegExp(variable?.regex?.slice(1, -1) ?? '');
    const found = prefixes.map((prefix) => regex.exec(metricNames({ prefix }).unapplied)?.[1]);
    expect(found).toEqual(prefixes);
    expect(regex.test('namespace_job_connection:typeorm_migrations_unapplied_total')).toBe(false);
  });

  describe.each(prefixes)('with the metrics of %s', (prefix) => {
    const names = metricNames({ prefix });
    const expressions = dashboardExpressions(prefix);

    it('asks in PromQL', () => {
      for (const { panel, expression } of expressions) {
        expect(() => assertPromql(expression), panel).not.toThrow();
      }
    });

    it('asks for all the metrics there are, and for no other', () => {
      const asked = new Set(expressions.flatMap(({ expression }) => metricNamesIn(expression).map(metricOf)));
      expect([...asked].sort()).toEqual(Object.values(names).sort());
    });

    it('filters every metric of a panel, and never mixes applications or connections', () => {
      for (const { panel, expression } of expressions.filter(({ panel }) => !panel.startsWith('$'))) {
        for (const { from, to } of nodesOf(expression, 'VectorSelector')) {
          expect(expression.slice(from, to), panel).toMatch(
            /^\w+\{namespace=~"\.\*", job=~"\.\*", connection=~"\.\*"\}$/,
          );
        }
        const groupings = nodesOf(expression, 'AggregateModifier');
        expect(groupings.length, panel).toBe(nodesOf(expression, 'AggregateExpr').length);
        for (const { from, to } of groupings) {
          expect(expression.slice(from, to), panel).toMatch(/^by \(namespace, job, connection[,)]/);
        }
      }
    });

    it('takes -1 for no number', () => {
      const inWords = panels
        .filter(({ fieldConfig }) =>
          fieldConfig?.defaults.mappings?.some(
            ({ options }) => (options as Record<string, { text?: string }>)['-1']?.text === 'unreadable',
          ),
        )
        .map(({ title }) => title);
      expect(inWords).toEqual(['State', 'State over time', 'What each replica sees']);
      const asNumbers = expressions.filter(({ panel }) => !panel.startsWith('$') && !inWords.includes(panel));
      const selectors = asNumbers.flatMap(({ panel, expression }) =>
        nodesOf(expression, 'VectorSelector')
          .filter(({ from }) => /^\w+_(un)?applied_total/.test(expression.slice(from)))
          .map((selector) => ({ panel, guard: guardOf(expression, selector) })),
      );
      expect(selectors).toEqual([
        { panel: 'Unapplied', guard: '>= 0' },
        { panel: 'Applied and defined', guard: '>= 0' },
      ]);
    });
  });
});

/** The comparison that a metric goes through before anything else is done with it. */
function guardOf(expression: string, selector: SyntaxNode): string | undefined {
  const comparison = selector.parent;
  if (!comparison?.type.is('BinaryExpr')) return undefined;
  return expression.slice(selector.to, comparison.to).trim();
}

describe('the dashboard for grafana.com', () => {
  interface Shared {
    readonly __inputs: readonly { readonly name: string; readonly pluginId: string }[];
    readonly __requires: readonly { readonly type: string; readonly id: string; readonly version: string }[];
    readonly templating: { readonly list: readonly { readonly name: string; readonly current?: object }[] };
  }
  const file = readProjectFile('monitoring/grafana/migrations.grafana-com.json');
  const shared = JSON.parse(file) as Shared;

  it('is in the repository as it is built', () => {
    expect(file).toBe(`${JSON.stringify(sharedDashboard(), null, 2)}\n`);
  });

  it('is the dashboard, but for what an import needs', () => {
    const { __inputs, __requires, templating, ...rest } = shared;
    expect(rest).toEqual({
      ...(JSON.parse(dashboardFile) as object),
      templating: undefined,
      id: null,
      __elements: {},
    });
    const strip = (list: Shared['templating']['list']) =>
      list.map((variable) =>
        variable.name === 'datasource' ? { ...variable, current: undefined } : variable,
      );
    expect(strip(templating.list)).toEqual(
      strip((dashboard.templating.list ?? []) as Shared['templating']['list']),
    );
  });

  it('asks for every input that it names, and names every one that it asks for', () => {
    const named = file.match(/\$\{DS_\w+\}/g) ?? [];
    expect([...new Set(named)]).toEqual(shared.__inputs.map(({ name }) => `\${${name}}`));
    const variable = shared.templating.list.find(({ name }) => name === 'datasource');
    expect(variable?.current).toMatchObject({ value: '${DS_PROMETHEUS}' });
  });

  it('requires each kind of panel that it has, its data source, and the Grafana that it is tried with', () => {
    const required = (wanted: string) => shared.__requires.filter(({ type }) => type === wanted);
    const types = new Set<string>(panels.map(({ type }) => type));
    expect(required('panel').map(({ id }) => id)).toEqual([...types].sort());
    expect(required('datasource').map(({ id }) => id)).toEqual(
      shared.__inputs.map(({ pluginId }) => pluginId),
    );
    const image = /grafana\/grafana:(\S+)/.exec(readProjectFile('sample-app/compose.yaml'))?.[1];
    expect(required('grafana').map(({ version }) => version)).toEqual([image]);
  });
});

describe('PromQL in tests', () => {
  it.each(['', 'a +', 'sum by (a) (b', 'summ(a)', 'a{b="c}', 'a b', 'rate(a[5m]))'])(
    'refuses %s',
    (expression) => {
      expect(() => assertPromql(expression)).toThrow(/^No PromQL at \d+: /);
    },
  );

  it('tells the names of metrics from those of labels and functions', () => {
    const expression = `max by (job) (rate(a:b_total{le=~"c"}[5m])) / on (d) {__name__="e", f="g"} or a:b_total or {__name__=~"h"}`;
    expect(() => assertPromql(expression)).not.toThrow();
    expect(metricNamesIn(expression)).toEqual(['a:b_total', 'e']);
  });
});
