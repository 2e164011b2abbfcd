import { type MetricKey, metricNames } from '../../lib/metrics/metric.names';

const METRICS = metricNames({ prefix: '${metrics}' });

const selected = (key: MetricKey, suffix: '' | '_sum' | '_count' = ''): string =>
  `${METRICS[key]}${suffix}{namespace=~"$namespace", job=~"$job", connection=~"$connection"}`;

/** Aggregates the replicas of an application into one value for each connection. */
const perConnection = (
  aggregation: 'count' | 'max' | 'min' | 'sum',
  expression: string,
  ...labels: string[]
) => `${aggregation} by (${['namespace', 'job', 'connection', ...labels].join(', ')}) (${expression})`;

const unapplied = perConnection('max', selected('unapplied'));

/** Values of {@link QUERIES.state} besides the number of pending migrations. */
export const STATE = { upToDate: 0, unreadable: -1, ahead: -2 } as const;

/**
 * The expressions of the dashboard's panels. They filter out -1, which marks an unreadable database, except
 * `state` and `replicas`, whose panels show it as a word.
 */
export const QUERIES = {
  // The maximum of all replicas is -1 if none can read. With django-prometheus, only the last line remains:
  // it does not export the metric of the line before.
  state: [
    `(${unapplied} == ${STATE.unreadable})`,
    `(${unapplied} > 0)`,
    `((${perConnection('min', selected('unknown'))} > 0) * 0 + ${STATE.ahead})`,
    `(${unapplied} == ${STATE.upToDate})`,
  ].join('\nor '),
  unapplied: perConnection('max', `${selected('unapplied')} >= 0`),
  applied: perConnection('max', `${selected('applied')} >= 0`),
  defined: perConnection('max', selected('defined')),
  // The minimum: in a rollout, new replicas define migrations that old ones do not.
  unknown: perConnection('min', selected('unknown')),
  outOfOrder: perConnection('max', selected('outOfOrder')),
  // The minimum: in a rollout, the entities of old and new replicas differ.
  drift: perConnection('min', selected('schemaDrift')),
  driftAge: `time() - ${perConnection('max', selected('schemaDriftLastSuccess'))}`,
  // Grafana's dates are in milliseconds.
  schema: `1000 * ${perConnection('max', selected('newestApplied'))}`,
  waiting: `time() - ${perConnection('min', selected('oldestUnapplied'))}`,
  duration: perConnection('max', selected('collectionDuration')),
  errors: perConnection('sum', `increase(${selected('collectionErrors')}[$__rate_interval])`, 'reason'),
  age: `time() - ${perConnection('max', selected('lastSuccess'))}`,
  versions: perConnection('count', perConnection('count', selected('info'), 'fingerprint')),
  unreadableReplicas: perConnection('sum', `1 - ${selected('collectionSuccess')}`),
  allReplicas: perConnection('count', selected('collectionSuccess')),
  replicas: perConnection('max', selected('unapplied'), 'instance'),
  // Grafana's dates are in milliseconds.
  lastRun: `1000 * ${perConnection('max', selected('lastRun'), 'outcome')}`,
  // Not over an interval: a Job pushes one run, whose count stays 1.
  runDuration:
    `${perConnection('sum', selected('runDuration', '_sum'), 'outcome')}\n` +
    `/ (${perConnection('sum', selected('runDuration', '_count'), 'outcome')} > 0)`,
  runsInProgress: perConnection('sum', selected('runsInProgress')),
  fingerprints: perConnection('max', selected('info'), 'instance', 'database', 'fingerprint'),
} as const;

/** The queries of the variables. Each one offers the values that match the variables before it. */
export const VARIABLES = {
  // Not `metrics(…)`, for which Grafana fetches the names of all metrics.
  metrics: 'label_values({__name__=~".+_migrations_unapplied_total"}, __name__)',
  namespace: `label_values(${METRICS.unapplied}, namespace)`,
  job: `label_values(${METRICS.unapplied}{namespace=~"$namespace"}, job)`,
  connection: `label_values(${METRICS.unapplied}{namespace=~"$namespace", job=~"$job"}, connection)`,
} as const;
