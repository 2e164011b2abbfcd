import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  LegendDisplayMode,
  LegendPlacement,
  LineInterpolation,
  ReduceDataOptionsBuilder,
  SortOrder,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  MappingType,
  QueryVariableBuilder,
  RowBuilder,
  type ValueMapping,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { DatetimeISO, NoUnit, Seconds, Short } from '@grafana/grafana-foundation-sdk/units';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { QUERIES, STATE, VARIABLES } from './migrations.queries';

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const LEGEND = '{{namespace}} {{job}} {{connection}}';
const BY_OUTCOME = `${LEGEND} {{outcome}}`;

const UNREADABLE = { text: 'unreadable', color: 'red' };
const STATE_MAPPINGS: ValueMapping[] = [
  {
    type: MappingType.ValueToText,
    options: {
      [STATE.upToDate]: { text: 'up to date', color: 'green' },
      [STATE.unreadable]: UNREADABLE,
      [STATE.ahead]: { text: 'ahead', color: 'purple' },
    },
  },
  // Without a text, the panel shows the number with its unit.
  { type: MappingType.RangeToText, options: { from: 1, to: null, result: { color: 'orange' } } },
];
const PENDING = 'suffix:pending';

function query(refId: string, expression: string, legend = LEGEND): DataqueryBuilder {
  return new DataqueryBuilder().refId(refId).datasource(DATASOURCE).expr(expression).legendFormat(legend);
}

/** A time series that leaves gaps where there is no value. */
function timeSeries(title: string, description: string, unit: string): TimeSeriesBuilder {
  return new TimeSeriesBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .height(8)
    .unit(unit)
    .min(0)
    .spanNulls(false)
    .fillOpacity(10)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
}

/** A time series of whole numbers, drawn as steps. */
function steps(title: string, description: string): TimeSeriesBuilder {
  return timeSeries(title, description, NoUnit).decimals(0).lineInterpolation(LineInterpolation.StepAfter);
}

const dashed = [{ id: 'custom.lineStyle', value: { fill: 'dash', dash: [10, 10] } }];

const panels = () => [
  new RowBuilder('Migrations'),
  new StatBuilder()
    .title('State')
    .description(
      'The current state of each connection. Unreadable: no replica can read the database. Pending: defined in ' +
        'the code of a replica and not applied. Ahead: applied, but defined by no replica.',
    )
    .datasource(DATASOURCE)
    .span(24)
    .height(5)
    .unit(PENDING)
    .mappings(STATE_MAPPINGS)
    .colorMode(BigValueColorMode.Background)
    .graphMode(BigValueGraphMode.None)
    .textMode(BigValueTextMode.ValueAndName)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .withTarget(query('A', QUERIES.state).instant()),
  new StateTimelineBuilder()
    .title('State over time')
    .description('The state above, over time. A gap: no replica was scraped.')
    .datasource(DATASOURCE)
    .span(24)
    .height(7)
    .unit(PENDING)
    .mappings(STATE_MAPPINGS)
    .withTarget(query('A', QUERIES.state).range()),
  steps(
    'Unapplied',
    'Migrations defined in the code and not applied: the maximum over all replicas. A line ends where no replica ' +
      'can read the database.',
  )
    .span(12)
    .withTarget(query('A', QUERIES.unapplied).range()),
  steps(
    'Applied and defined',
    'Migrations recorded in the database, and dashed those defined in the code. A step is a migration that was run ' +
      'or reverted, or a deployment. A line ends where no replica can read the database.',
  )
    .span(12)
    .overrideByQuery('B', dashed)
    .withTarget(query('A', QUERIES.applied, `${LEGEND} applied`).range())
    .withTarget(query('B', QUERIES.defined, `${LEGEND} defined`).range()),
  steps(
    'Unknown and out of order',
    'Unknown: applied migrations that no replica defines, so the database is ahead of the code. Out of order, dashed: ' +
      'unapplied migrations older than the newest applied one, merged late or skipped.',
  )
    .span(24)
    .overrideByQuery('B', dashed)
    .withTarget(query('A', QUERIES.unknown, `${LEGEND} unknown`).range())
    .withTarget(query('B', QUERIES.outOfOrder, `${LEGEND} out of order`).range()),

  new TableBuilder()
    .title('Schema by environment')
    .description(
      'The time in the name of the newest applied migration: the same time in two environments is the same schema, if ' +
        'nothing is out of order. Connections that cannot be read or have no such name are omitted.',
    )
    .datasource(DATASOURCE)
    .span(12)
    .height(8)
    .unit(DatetimeISO)
    .filterable(true)
    .withTarget(query('A', QUERIES.schema).instant().format(PromQueryFormat.Table))
    .withTransformation({
      id: 'organize',
      options: { excludeByName: { Time: true }, renameByName: { Value: 'newest applied' } },
    }),
  timeSeries(
    'Age of the oldest unapplied migration',
    'Time since the oldest unapplied migration was written, by its name. A line ends when everything is applied.',
    Seconds,
  )
    .span(12)
    .withTarget(query('A', QUERIES.waiting).range()),

  new RowBuilder('Schema'),
  steps(
    'Drift',
    'Statements that `migration:generate` would emit although all migrations are applied: the minimum over all replicas. ' +
      'Empty without the option `drift`. A line ends while drift cannot be judged.',
  )
    .span(12)
    .withTarget(query('A', QUERIES.drift).range()),
  timeSeries(
    'Age of the last look at the schema',
    'Time since any replica last judged drift. It grows while migrations are unapplied or the role may not see a table.',
    Seconds,
  )
    .span(12)
    .withTarget(query('A', QUERIES.driftAge).range()),

  new RowBuilder('Readings'),
  timeSeries(
    'Duration',
    'How long the last reading of the migrations took, on the slowest replica. A scrape waits for it.',
    Seconds,
  )
    .span(8)
    .withTarget(query('A', QUERIES.duration).range()),
  timeSeries(
    'Failed readings',
    'Readings that failed on all replicas together, by reason, within the rate interval that ends at each point.',
    Short,
  )
    .span(8)
    .withTarget(query('A', QUERIES.errors, `${LEGEND} {{reason}}`).range()),
  timeSeries(
    'Age of the last successful reading',
    'Time since any replica last read the migrations. With `refresh: "bootstrap"` it grows from the start-up on.',
    Seconds,
  )
    .span(8)
    .withTarget(query('A', QUERIES.age).range()),

  new RowBuilder('Runs'),
  new TableBuilder()
    .title('Last run')
    .description(
      'When a run of migrations last ended, by outcome, on any replica or in a Job that pushes it. Empty: nothing is ' +
        'instrumented with `instrumentMigrations`, or nothing has run yet.',
    )
    .datasource(DATASOURCE)
    .span(8)
    .height(8)
    .unit(DatetimeISO)
    .filterable(true)
    .withTarget(query('A', QUERIES.lastRun, BY_OUTCOME).instant().format(PromQueryFormat.Table))
    .withTransformation({
      id: 'organize',
      options: { excludeByName: { Time: true }, renameByName: { Value: 'ended' } },
    }),
  timeSeries(
    'Duration of runs',
    'How long a run of migrations took on average, by outcome, since the start of each process.',
    Seconds,
  )
    .span(8)
    .withTarget(query('A', QUERIES.runDuration, BY_OUTCOME).range()),
  steps(
    'Runs in progress',
    'Runs of migrations that have begun and not ended, on all replicas together. A run that stays waits for a lock, or ' +
      'changes a large table.',
  )
    .span(8)
    .withTarget(query('A', QUERIES.runsInProgress).range()),

  new RowBuilder('Replicas'),
  steps(
    'Replicas that cannot read',
    'Replicas whose last reading failed, and dashed all replicas. Some but not all: a network policy, an ' +
      'exhausted pool, or credentials that differ.',
  )
    .span(12)
    .overrideByQuery('B', dashed)
    .withTarget(query('A', QUERIES.unreadableReplicas, `${LEGEND} cannot read`).range())
    .withTarget(query('B', QUERIES.allReplicas, `${LEGEND} all`).range()),
  steps(
    'Sets of migrations',
    'Different sets of migrations (fingerprints) that the replicas define. More than 1 outside a rollout: the ' +
      'replicas disagree.',
  )
    .span(12)
    .withTarget(query('A', QUERIES.versions).range()),
  new TableBuilder()
    .title('What each replica sees')
    .description(
      'Unapplied migrations and the fingerprint of the defined ones, of each replica. A replica that cannot read the ' +
        'database has no fingerprint.',
    )
    .datasource(DATASOURCE)
    .span(24)
    .height(9)
    .unit(NoUnit)
    .filterable(true)
    .mappings([{ type: MappingType.ValueToText, options: { [STATE.unreadable]: UNREADABLE } }])
    .withTarget(query('A', QUERIES.replicas).instant().format(PromQueryFormat.Table))
    .withTarget(query('B', QUERIES.fingerprints).instant().format(PromQueryFormat.Table))
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { Time: true, 'Value #B': true },
        // Grafana omits the letter if only one of the queries has a result.
        renameByName: { Value: 'unapplied', 'Value #A': 'unapplied' },
        indexByName: Object.fromEntries(
          ['namespace', 'job', 'connection', 'instance', 'Value', 'Value #A', 'database', 'fingerprint'].map(
            (field, index) => [field, index],
          ),
        ),
      },
    }),
];

function queryVariable(name: keyof typeof VARIABLES, label: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .query(VARIABLES[name])
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
}

/** A variable with multiple selection. "All" includes series without the label. */
function filterVariable(
  name: Exclude<keyof typeof VARIABLES, 'metrics'>,
  label: string,
): QueryVariableBuilder {
  return queryVariable(name, label)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: ['All'], value: ['$__all'] });
}

/**
 * Builds the dashboard for Grafana, with variables for the data source, the metrics' prefix and the
 * selection.
 */
export function migrationsDashboard(): Dashboard {
  const dashboard = new DashboardBuilder('Migrations')
    .uid('nestjs-prometheus-migrations')
    .description(
      'Applied and unapplied TypeORM migrations of every connection (nestjs-prometheus-migrations).',
    )
    .tags(['migrations', 'typeorm', 'nestjs', 'prometheus'])
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .tooltip(DashboardCursorSync.Crosshair)
    .editable()
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(
      queryVariable('metrics', 'Metrics')
        .regex('/^(\\w+)_migrations_unapplied_total$/')
        .current({ selected: true, text: 'typeorm', value: 'typeorm' }),
    )
    .withVariable(filterVariable('namespace', 'Namespace'))
    .withVariable(filterVariable('job', 'Job'))
    .withVariable(filterVariable('connection', 'Connection'));
  for (const [index, panel] of panels().entries()) {
    panel.id(index + 1);
    if (panel instanceof RowBuilder) dashboard.withRow(panel);
    else dashboard.withPanel(panel);
  }
  return dashboard.build();
}

/** The Grafana version with which the dashboard is tested: that of sample-app/compose.yaml. */
const GRAFANA = '13.1.3';

/** Names of the panel types, as Grafana exports them. */
const PANELS: Readonly<Record<string, string>> = {
  stat: 'Stat',
  'state-timeline': 'State timeline',
  table: 'Table',
  timeseries: 'Time series',
};

/**
 * Builds the dashboard for grafana.com, in the form of "Export for sharing externally": an import asks for
 * the data source.
 */
export function sharedDashboard(): object {
  const { templating, ...dashboard } = migrationsDashboard();
  const types = new Set((dashboard.panels ?? []).map(({ type }) => type).filter((type) => type !== 'row'));
  const panel = (id: string) => {
    const name = PANELS[id];
    if (name === undefined) throw new Error(`PANELS has no name for ${id}.`);
    return { type: 'panel', id, name, version: '' };
  };
  const input = '${DS_PROMETHEUS}';
  return {
    __inputs: [
      {
        name: 'DS_PROMETHEUS',
        label: 'Prometheus',
        description: 'The data source that scrapes your applications.',
        type: 'datasource',
        pluginId: 'prometheus',
        pluginName: 'Prometheus',
      },
    ],
    __elements: {},
    __requires: [
      { type: 'grafana', id: 'grafana', name: 'Grafana', version: GRAFANA },
      { type: 'datasource', id: 'prometheus', name: 'Prometheus', version: '1.0.0' },
      ...[...types].sort().map(panel),
    ],
    id: null,
    ...dashboard,
    templating: {
      list: (templating.list ?? []).map((variable) =>
        variable.name === 'datasource'
          ? { ...variable, current: { selected: true, text: input, value: input } }
          : variable,
      ),
    },
  };
}

if (require.main === module) {
  const dashboards = { migrations: migrationsDashboard(), 'migrations.grafana-com': sharedDashboard() };
  for (const [name, dashboard] of Object.entries(dashboards)) {
    const file = join(process.cwd(), `monitoring/grafana/${name}.json`);
    writeFileSync(file, `${JSON.stringify(dashboard, null, 2)}\n`);
  }
}
