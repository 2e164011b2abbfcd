import { createHash } from 'node:crypto';
import type { MigrationReading } from '../migration/migration.state';
import type { MetricKey } from './metric.names';

/** What is known of one connection at the time of a scrape. */
export interface ConnectionSnapshot {
  /** TypeORM's driver type, as `postgres`. */
  readonly database: string;
  readonly reading: MigrationReading;
  /** Unix time in seconds of the last reading that succeeded. */
  readonly lastSuccess: number | undefined;
}

/** One metric family: a gauge with the label `connection`. */
export interface MigrationGauge {
  readonly key: MetricKey;
  readonly help: string;
  /** How prom-client's `AggregatorRegistry` makes one value of those of several workers. */
  readonly aggregator: 'max' | 'min';
  /** Labels beside `connection`. */
  readonly labels?: (snapshot: ConnectionSnapshot) => Readonly<Record<string, string>>;
  readonly labelNames?: readonly string[];
  /** `undefined` leaves the series out. */
  readonly value: (snapshot: ConnectionSnapshot) => number | undefined;
}

/** What the two gauges that django-prometheus has as well read where the truth is not known. */
const UNKNOWN = -1;

/** Every gauge there is, and what it reads. */
export const MIGRATION_GAUGES: readonly MigrationGauge[] = [
  {
    key: 'applied',
    help: 'Migrations recorded as applied in the database; -1 if it cannot be read',
    aggregator: 'max',
    value: ({ reading }) => (reading.status === 'read' ? reading.state.applied.length : UNKNOWN),
  },
  {
    key: 'unapplied',
    help: 'Migrations defined in the code and not applied; -1 if the database cannot be read',
    aggregator: 'max',
    value: ({ reading }) => (reading.status === 'read' ? reading.state.unapplied.length : UNKNOWN),
  },
  {
    key: 'defined',
    help: 'Migrations defined in the code',
    aggregator: 'max',
    value: ({ reading }) => (reading.status === 'read' ? reading.state.defined.length : undefined),
  },
  {
    key: 'unknown',
    help: 'Migrations applied that the code does not define: the database is ahead of it',
    aggregator: 'max',
    value: ({ reading }) => (reading.status === 'read' ? reading.state.unknown.length : undefined),
  },
  {
    key: 'outOfOrder',
    help: 'Migrations not applied that are older than the newest applied one',
    aggregator: 'max',
    value: ({ reading }) => (reading.status === 'read' ? reading.state.outOfOrder.length : undefined),
  },
  {
    key: 'info',
    help: 'Always 1; labels tell the kind of database and a fingerprint of the defined migrations',
    aggregator: 'max',
    labelNames: ['database', 'fingerprint'],
    labels: ({ database, reading }) => ({
      database,
      fingerprint: reading.status === 'read' ? fingerprint(reading.state.defined) : '',
    }),
    value: ({ reading }) => (reading.status === 'read' ? 1 : undefined),
  },
  {
    key: 'collectionSuccess',
    help: 'Whether the last reading of the migrations succeeded',
    aggregator: 'min',
    value: ({ reading }) => (reading.status === 'read' ? 1 : 0),
  },
  {
    key: 'collectionDuration',
    help: 'Seconds that the last reading of the migrations took',
    aggregator: 'max',
    value: ({ reading }) => reading.durationSeconds,
  },
  {
    key: 'lastSuccess',
    help: 'Unix time of the last reading of the migrations that succeeded',
    aggregator: 'min',
    value: ({ lastSuccess }) => lastSuccess,
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
