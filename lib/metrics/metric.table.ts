import { FAILURE_REASONS, type FailureReason } from '../migration/failure';
import { type MigrationState, migrationTimestamp } from '../migration/state';
import type { Snapshot } from '../monitor/snapshots';
import { RUN_BUCKETS, RUN_OUTCOMES, type RunOutcome, type RunTotals } from '../runs/totals';
import { fingerprint } from './fingerprint';
import type { MetricKey } from './metric.names';

/** How the values of several workers are combined. */
export type Aggregator = 'max' | 'min' | 'sum';

/** Properties of a metric family. Every sample also has the label `connection`. */
interface MetricRow {
  readonly key: MetricKey;
  readonly help: string;
  /** Unit in OpenTelemetry's notation. */
  readonly unit?: '{migration}' | 's';
  readonly aggregator: Aggregator;
  /** Labels beside `connection`. */
  readonly labelNames?: readonly string[];
}

export interface MigrationGauge extends MetricRow {
  readonly labels?: (snapshot: Snapshot) => Readonly<Record<string, string>>;
  /** Returns the value; `undefined` omits the sample. */
  readonly value: (snapshot: Snapshot) => number | undefined;
}

/** Value of the two gauges of django-prometheus while the database cannot be read. */
const NOT_READABLE = -1;

/** Returns the state; `undefined` if the newest collection failed or none exists yet. */
function stateOf({ collection }: Snapshot): MigrationState | undefined {
  return collection?.status === 'read' ? collection.state : undefined;
}

const EARLIEST = Date.UTC(2000);
const YEAR = 366 * 24 * 3600 * 1000;

/**
 * Returns the time in a migration's name; `undefined` if it is implausible: before 2000, or over a year
 * ahead.
 */
function secondsIn(name: string | undefined): number | undefined {
  if (name === undefined) return undefined;
  const timestamp = migrationTimestamp(name);
  return timestamp >= EARLIEST && timestamp <= Date.now() + YEAR ? timestamp / 1000 : undefined;
}

/** The gauges and their values. */
export const MIGRATION_GAUGES: readonly MigrationGauge[] = [
  {
    key: 'applied',
    help: 'Migrations recorded as applied in the database; -1 if it cannot be read',
    unit: '{migration}',
    aggregator: 'max',
    value: (snapshot) => stateOf(snapshot)?.applied.length ?? NOT_READABLE,
  },
  {
    key: 'unapplied',
    help: 'Migrations defined in the code and not applied; -1 if the database cannot be read',
    unit: '{migration}',
    aggregator: 'max',
    value: (snapshot) => stateOf(snapshot)?.unapplied.length ?? NOT_READABLE,
  },
  {
    key: 'defined',
    help: 'Migrations defined in the code',
    unit: '{migration}',
    aggregator: 'max',
    value: (snapshot) => stateOf(snapshot)?.defined.length,
  },
  {
    key: 'unknown',
    help: 'Migrations applied that the code does not define: the database is ahead of it',
    unit: '{migration}',
    aggregator: 'max',
    value: (snapshot) => stateOf(snapshot)?.unknown.length,
  },
  {
    key: 'outOfOrder',
    help: 'Migrations not applied that are older than the newest applied one',
    unit: '{migration}',
    aggregator: 'max',
    value: (snapshot) => stateOf(snapshot)?.outOfOrder.length,
  },
  {
    key: 'newestApplied',
    help: "Unix time in the newest applied migration's name: the version of the schema",
    unit: 's',
    aggregator: 'max',
    value: (snapshot) => secondsIn(stateOf(snapshot)?.applied.at(-1)),
  },
  {
    key: 'oldestUnapplied',
    help: "Unix time in the oldest unapplied migration's name",
    unit: 's',
    aggregator: 'min',
    value: (snapshot) => secondsIn(stateOf(snapshot)?.unapplied[0]),
  },
  {
    key: 'info',
    help: 'Always 1; the labels show the kind of database and a fingerprint of the defined migrations',
    aggregator: 'max',
    labelNames: ['database', 'fingerprint'],
    labels: (snapshot) => ({
      database: snapshot.database,
      fingerprint: fingerprint(stateOf(snapshot)?.defined ?? []),
    }),
    value: (snapshot) => (stateOf(snapshot) === undefined ? undefined : 1),
  },
  {
    key: 'collectionSuccess',
    help: 'Whether the last reading of the migrations succeeded',
    aggregator: 'min',
    value: (snapshot) => (stateOf(snapshot) === undefined ? 0 : 1),
  },
  {
    key: 'collectionDuration',
    help: 'Seconds that the last reading of the migrations took',
    unit: 's',
    aggregator: 'max',
    value: ({ collection }) => collection?.durationSeconds,
  },
  {
    key: 'lastSuccess',
    help: 'Unix time of the last reading of the migrations that succeeded',
    unit: 's',
    aggregator: 'min',
    value: ({ lastRead }) => (lastRead === undefined ? undefined : lastRead.at / 1000),
  },
];

/** The gauges of drift, which need the option `drift`. */
export const DRIFT_GAUGES: readonly MigrationGauge[] = [
  {
    key: 'schemaDrift',
    help: 'Statements that migration:generate would emit, less what is ignored',
    aggregator: 'max',
    value: ({ drift }) => drift?.statements ?? undefined,
  },
  {
    key: 'schemaDriftLastSuccess',
    help: 'Unix time at which drift of the schema was last judged',
    unit: 's',
    aggregator: 'min',
    value: ({ driftJudgedAt }) => (driftJudgedAt === undefined ? undefined : driftJudgedAt / 1000),
  },
];

/**
 * The counter of failed collections. It exports every reason from the start, so that `increase()` sees the
 * first failure.
 */
export const COLLECTION_ERRORS = {
  key: 'collectionErrors',
  help: 'Readings of the migrations that failed',
  aggregator: 'sum',
  labelNames: ['reason'],
  values: ({ failures }: Snapshot): readonly (readonly [reason: FailureReason, count: number])[] =>
    FAILURE_REASONS.map((reason) => [reason, failures[reason] ?? 0]),
} as const satisfies MetricRow & Record<string, unknown>;

/** The metrics of the runs that `instrumentMigrations` records. */
export const RUN_METRICS = {
  duration: {
    key: 'runDuration',
    help: 'Seconds that runs of migrations took, by outcome',
    unit: 's',
    aggregator: 'sum',
    labelNames: ['outcome'],
    buckets: RUN_BUCKETS,
  },
  inProgress: {
    key: 'runsInProgress',
    help: 'Runs of migrations in progress',
    aggregator: 'sum',
    value: ({ inProgress }: RunTotals): number => inProgress,
  },
  last: {
    key: 'lastRun',
    help: 'Unix time of the end of the last run of migrations, by outcome',
    unit: 's',
    aggregator: 'max',
    labelNames: ['outcome'],
    values: ({ ended }: RunTotals): readonly (readonly [outcome: RunOutcome, endedAt: number])[] =>
      RUN_OUTCOMES.flatMap((outcome) => {
        const { lastEndedAt } = ended[outcome];
        return lastEndedAt === undefined ? [] : [[outcome, lastEndedAt] as const];
      }),
  },
} as const satisfies Record<string, MetricRow & Record<string, unknown>>;
