import { type MetricKey, metricNames } from '../../lib/metrics/metric.names';

const METRICS = metricNames({ prefix: '${metrics}' });

const selected = (key: MetricKey, suffix: '' | '_sum' | '_count' = ''): string =>
  `${METRICS[key]}${suffix}{namespace=~"$namespace", job=~"$job", connection=~"$connection"}`;

/** One value for each connection of an application, whichever of its replicas it comes from. */
const perConnection = (
  aggregation: 'count' | 'max' | 'min' | 'sum',
  expression: string,
  ...labels: string[]
) => `${aggregation} by (${['namespace', 'job', 'connection', ...labels].join(', ')}) (${expression})`;

const unapplied = perConnection('max', selected('unapplied'));

/** Beside the number of pending migrations, what {@link QUERIES.state} can be. */
export const STATE = { upToDate: 0, unreadable: -1, ahead: -2 } as const;

/**
 * The expressions of the dashboard's panels. -1, which says that a database cannot be read, gets past none of
 * them but those whose panel shows it as a word: `state` and `replicas`.
 */
export const QUERIES = {
  // The greatest of all replicas is -1 where not one can read. The last line is all that is left with
  // django-prometheus, which does not export the metric of the line before.
  state: [
    `(${unapplied} == ${STATE.unreadable})`,
    `(${unapplied} > 0)`,
    `((${perConnection('min', selected('unknown'))} > 0) * 0 + ${STATE.ahead})`,
    `(${unapplied} == ${STATE.upToDate})`,
  ].join('\nor '),
  unapplied: perConnection('max', `${selected('unapplied')} >= 0`),
  applied: perConnection('max', `${selected('applied')} >= 0`),
  defined: perConnection('max', selected('defined')),
  // The least: in a rollout the new replicas know what the old ones do not.
  unknown: perConnection('min', selected('unknown')),
  outOfOrder: perConnection('max', selected('outOfOrder')),
  // The least: in a rollout the entities of old and new replicas differ.
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
  // Not of an interval: a Job pushes one run, whose count is 1 for ever.
  runDuration:
    `${perConnection('sum', selected('runDuration', '_sum'), 'outcome')}\n` +
    `/ (${perConnection('sum', selected('runDuration', '_count'), 'outcome')} > 0)`,
  runsInProgress: perConnection('sum', selected('runsInProgress')),
  fingerprints: perConnection('max', selected('info'), 'instance', 'database', 'fingerprint'),
} as const;

/** For the variables, each of which offers what is left by those before it. */
export const VARIABLES = {
  // Not `metrics(…)`, for which Grafana fetches the name of every metric there is.
  metrics: 'label_values({__name__=~".+_migrations_unapplied_total"}, __name__)',
  namespace: `label_values(${METRICS.unapplied}, namespace)`,
  job: `label_values(${METRICS.unapplied}{namespace=~"$namespace"}, job)`,
  connection: `label_values(${METRICS.unapplied}{namespace=~"$namespace", job=~"$job"}, connection)`,
} as const;
