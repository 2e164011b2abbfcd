import { createHash } from 'node:crypto';
import { type MigrationState, migrationTimestamp } from '../migration/state';
import type { Snapshot } from '../monitor/snapshots';
import type { Aggregator } from './client';
import type { MetricKey } from './names';

/** One metric family: a gauge with the label `connection`. */
export interface MigrationGauge {
  readonly key: MetricKey;
  readonly help: string;
  readonly aggregator: Aggregator;
  /** Labels beside `connection`. */
  readonly labels?: (snapshot: Snapshot) => Readonly<Record<string, string>>;
  readonly labelNames?: readonly string[];
  /** `undefined` leaves the series out. */
  readonly value: (snapshot: Snapshot) => number | undefined;
}

/** Value of the two gauges of django-prometheus while the database cannot be read. */
const NOT_READABLE = -1;

/** What was read; `undefined` if the newest collection failed, or there is none yet. */
function stateOf({ collection }: Snapshot): MigrationState | undefined {
  return collection?.status === 'read' ? collection.state : undefined;
}

const EARLIEST = Date.UTC(2000);
const YEAR = 366 * 24 * 3600 * 1000;

/** The time in a migration's name; `undefined` if it is no plausible one: before 2000, or over a year ahead. */
function secondsIn(name: string | undefined): number | undefined {
  if (name === undefined) return undefined;
  const timestamp = migrationTimestamp(name);
  return timestamp >= EARLIEST && timestamp <= Date.now() + YEAR ? timestamp / 1000 : undefined;
}

/** Every gauge there is, and what it reads. */
export const MIGRATION_GAUGES: readonly MigrationGauge[] = [
  {
    key: 'applied',
    help: 'Migrations recorded as applied in the database; -1 if it cannot be read',
    aggregator: 'max',
    value: (snapshot) => stateOf(snapshot)?.applied.length ?? NOT_READABLE,
  },
  {
    key: 'unapplied',
    help: 'Migrations defined in the code and not applied; -1 if the database cannot be read',
    aggregator: 'max',
    value: (snapshot) => stateOf(snapshot)?.unapplied.length ?? NOT_READABLE,
  },
  {
    key: 'defined',
    help: 'Migrations defined in the code',
    aggregator: 'max',
    value: (snapshot) => stateOf(snapshot)?.defined.length,
  },
  {
    key: 'unknown',
    help: 'Migrations applied that the code does not define: the database is ahead of it',
    aggregator: 'max',
    value: (snapshot) => stateOf(snapshot)?.unknown.length,
  },
  {
    key: 'outOfOrder',
    help: 'Migrations not applied that are older than the newest applied one',
    aggregator: 'max',
    value: (snapshot) => stateOf(snapshot)?.outOfOrder.length,
  },
  {
    key: 'newestApplied',
    help: "Unix time in the newest applied migration's name: the version of the schema",
    aggregator: 'max',
    value: (snapshot) => secondsIn(stateOf(snapshot)?.applied.at(-1)),
  },
  {
    key: 'oldestUnapplied',
    help: "Unix time in the oldest unapplied migration's name",
    aggregator: 'min',
    value: (snapshot) => secondsIn(stateOf(snapshot)?.unapplied[0]),
  },
  {
    key: 'info',
    help: 'Always 1; labels tell the kind of database and a fingerprint of the defined migrations',
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
    aggregator: 'max',
    value: ({ collection }) => collection?.durationSeconds,
  },
  {
    key: 'lastSuccess',
    help: 'Unix time of the last reading of the migrations that succeeded',
    aggregator: 'min',
    value: ({ lastRead }) => (lastRead === undefined ? undefined : lastRead.at / 1000),
  },
];

/** The counter beside the gauges: readings that failed, by `reason`. */
export const COLLECTION_ERRORS_HELP = 'Readings of the migrations that failed';

/** By the list of names, which stays the same object from reading to reading. */
const fingerprints = new WeakMap<readonly string[], string>();

/** A short hash of the defined names: equal wherever the same migrations are defined. */
export function fingerprint(defined: readonly string[]): string {
  let hash = fingerprints.get(defined);
  if (hash === undefined) {
    hash = createHash('sha256').update(defined.join('\n')).digest('hex').slice(0, 12);
    fingerprints.set(defined, hash);
  }
  return hash;
}
