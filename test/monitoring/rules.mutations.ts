/** One way to weaken a rule, and the case that must notice. */
export interface Mutation {
  /** The alert whose cases are run. */
  alert: string;
  /** The rule that is changed: the alert itself, or one that it is recorded by. */
  rule: string;
  weakening: string;
  from: string | RegExp;
  to: string;
  killedBy: string;
}

type Row = readonly [
  weakening: string,
  from: string | RegExp,
  to: string,
  killedBy: string,
  recordedBy?: string,
];

const RECORDED = 'namespace_job_connection:typeorm_migrations_';
const UNAPPLIED = `${RECORDED}unapplied:max`;
const SEEN = `${RECORDED}unapplied:seen_timestamp_seconds`;
const SINCE = `${RECORDED}unapplied:since_timestamp_seconds`;
const APPLIED = `${RECORDED}applied:max`;
const SUCCESS = `${RECORDED}collection_success:max`;

/** All of a rule's expression, and its `for`. */
const EXPRESSION = /expr: [^]*?(?=\n +labels:)/;

const TABLE: Readonly<Record<string, readonly Row[]>> = {
  TypeormMigrationsUnapplied: [
    ['sum for max', 'max by', 'sum by', 'replicas do not multiply it', UNAPPLIED],
    [
      'min for max',
      'max by',
      'min by',
      'a lost scrape of the one replica that has the new code does not reset its clock',
      UNAPPLIED,
    ],
    ['missing >= 0', ' >= 0', '', 'a replica that goes to -1 does not resolve it', UNAPPLIED],
    ['> 0 for >= 0', />= 0/g, '> 0', 'clears when applied, and not before', UNAPPLIED],
    ['a shorter bridge', '[7m:15s]', '[1m:15s]', 'a replica that goes to -1 does not resolve it', UNAPPLIED],
    [
      "a bridge shorter than a crashing container's wait",
      '[7m:15s]',
      '[5m:15s]',
      'a new pod that crashes again and again beside old ones does not reset its clock',
      UNAPPLIED,
    ],
    ['a longer bridge', '[7m:15s]', '[20m:15s]', 'long unknown is not unapplied', UNAPPLIED],
    [
      'no bridge',
      /\n +or last_over_time.*/,
      '',
      'a lost scrape of the one replica that has the new code does not reset its clock',
      UNAPPLIED,
    ],
    [
      'not by namespace',
      'namespace, ',
      '',
      'applications, namespaces and connections are told apart',
      UNAPPLIED,
    ],
    ['not by job', 'job, ', '', 'applications, namespaces and connections are told apart', UNAPPLIED],
    ['by instance as well', 'connection)', 'connection, instance)', 'replicas do not multiply it', UNAPPLIED],
    [
      'missing > 0: the time at -1 counts',
      /and .* > 0/,
      '',
      'applied after 13 minutes, and unreadable for a while just then, stays silent',
      SEEN,
    ],
    [
      "the evaluation's time for the sample's",
      /timestamp\(.*/,
      'timestamp(typeorm_migrations_unapplied_total > 0)',
      'applied after 13 minutes, and Prometheus itself away just then, stays silent',
      SEEN,
    ],
    [
      'what was known between is forgotten',
      /\n +unless[^]*\[15m\]\)\n/,
      '\n',
      'two deployments in a row, applied between them, stay silent',
      SINCE,
    ],
    [
      'what was known between is forgotten too soon',
      ':none_timestamp_seconds[15m]',
      ':none_timestamp_seconds[5m]',
      'applied, then unapplied again after an outage, starts its clock again',
      SINCE,
    ],
    [
      'the clock does not live through an outage',
      /since_timestamp_seconds\[15m\]/g,
      'since_timestamp_seconds[15s]',
      'still unapplied after 20 minutes has fired, with the number and the way to the runbook',
      SINCE,
    ],
    [
      'the clock starts again when nothing is known',
      /\[15m\]/g,
      '[5m]',
      'an outage of a quarter of an hour does not reset its clock',
      SINCE,
    ],
    ['a shorter wait', '15 * 60', '12 * 60', 'everything applied after 13 minutes stays silent'],
    [
      'a longer wait',
      '15 * 60',
      '20 * 60',
      'still unapplied after 20 minutes has fired, with the number and the way to the runbook',
    ],
    ['no wait', /and\n[^]*60\n/, '\n', 'everything applied after 13 minutes stays silent'],
    [
      'the wait for the number',
      /namespace\S+ > 0\n +and/,
      '',
      'still unapplied after 20 minutes has fired, with the number and the way to the runbook',
    ],
    [
      'the time of a gap counts',
      /last_over_time\(\S+\)/,
      'time()',
      'applied after 13 minutes, and unreadable for a while just then, stays silent',
    ],
    [
      'a gap resolves it',
      /last_over_time\((\S+)\[15m\]\)/,
      '$1',
      'a replica that goes to -1 does not resolve it',
    ],
    [
      'the bridge as waiting time',
      EXPRESSION,
      `expr: ${UNAPPLIED} > 0\n        for: 15m`,
      'applied after 13 minutes, and unreadable for a while just then, stays silent',
    ],
    [
      'the naive rule',
      EXPRESSION,
      'expr: max by (namespace, job, connection) (typeorm_migrations_unapplied_total) > 0\n        for: 15m',
      'one lost scrape does not reset its clock',
    ],
    [
      "the community mixin's sum",
      EXPRESSION,
      'expr: sum by (namespace, job, connection) (typeorm_migrations_unapplied_total) > 0\n        for: 15m',
      'a replica at -1 does not hide it',
    ],
    [
      'max_over_time as a bridge',
      EXPRESSION,
      'expr: max by (namespace, job, connection) (max_over_time(typeorm_migrations_unapplied_total[5m])) > 0\n        for: 15m',
      'everything applied after 13 minutes stays silent',
    ],
  ],
  TypeormMigrationsAppliedDecreased: [
    ['sum for max', /max by(?=[^]*5m)/, 'sum by', 'replicas that come and go raise no alarm', APPLIED],
    [
      'min for max',
      /max by(?=[^]*5m)/,
      'min by',
      'a lost scrape of the replica that is furthest raises no alarm',
      APPLIED,
    ],
    ['missing >= 0', ' >= 0', '', '-1 raises no alarm', APPLIED],
    ['> 0 for >= 0', />= 0/g, '> 0', 'everything reverted raises it', APPLIED],
    [
      'max_over_time for last_over_time',
      'last_over_time',
      'max_over_time',
      'a lost scrape does not resolve it',
      APPLIED,
    ],
    ['no bridge', /\n +or last_over_time\(\(typeorm.*/, '', 'a lost scrape does not resolve it', APPLIED],
    ['a longer bridge', '[5m:15s]', '[30m:15s]', 'a revert while the pods are replaced raises it', APPLIED],
    [
      'an evaluation late',
      /typeorm_migrations_applied_total >= 0\n +or /,
      '',
      'evaluated off the steps of the bridge, an outage does not resolve it',
      APPLIED,
    ],
    [
      'nothing is known of before an outage',
      /\n +or \([^]*/,
      '\n',
      'a revert hidden behind an outage of two hours raises it, for an hour',
      APPLIED,
    ],
    [
      'what was known lives on for ever',
      /\n +and max by.*/,
      '',
      'fewer after more than an hour in which nothing ran raise no alarm',
      APPLIED,
    ],
    [
      'by instance as well',
      /connection\)(?=[^]*5m)/,
      'connection, instance)',
      'replicas do not multiply it, connections are told apart',
      APPLIED,
    ],
    [
      'not by connection',
      /, connection/g,
      '',
      'replicas do not multiply it, connections are told apart',
      APPLIED,
    ],
    ['a shorter window', '[1h]', '[30m]', 'a revert raises it at once, and it clears after the hour'],
    ['a longer window', '[1h]', '[2h]', 'a revert raises it at once, and it clears after the hour'],
    [
      'offset for the greatest within the hour',
      /max_over_time\((.*)\[1h\]\)/,
      '$1 offset 1h',
      'a revert raises it at once, and it clears after the hour',
    ],
    ['delta', EXPRESSION, 'expr: delta(typeorm_migrations_applied_total[1h]) < 0', '-1 raises no alarm'],
    [
      'resets',
      EXPRESSION,
      'expr: resets(typeorm_migrations_applied_total[1h]) > 0',
      'an outage and recovery raise no alarm',
    ],
    [
      'a comparison by offset',
      EXPRESSION,
      'expr: max by (namespace, job, connection) (typeorm_migrations_applied_total offset 10m - typeorm_migrations_applied_total) > 0',
      '-1 raises no alarm',
    ],
  ],
  TypeormMigrationsDatabaseUnreachable: [
    ['min for max', 'max by', 'min by', 'one replica that can read keeps it silent', SUCCESS],
    [
      'a worker taken for all',
      /unless.*/,
      '',
      'a worker of a cluster that cannot read does not mean that nobody can',
    ],
    ['dropped `for`', 'for: 5m', 'for: 0m', 'away for 4 minutes stays silent'],
    ['a shorter `for`', 'for: 5m', 'for: 3m', 'away for 4 minutes stays silent'],
    ['a longer `for`', 'for: 5m', 'for: 15m', 'no replica can read for 5 minutes'],
    ['no bridge', /last_over_time\((.*)\[2m:15s\]\)/, '$1', 'one lost scrape does not reset its clock'],
    [
      'a longer bridge',
      '[2m:15s]',
      '[10m:15s]',
      'what was last seen of a pod that is gone does not count for long',
    ],
    [
      'min_over_time as a bridge',
      'last_over_time',
      'min_over_time',
      'clears when one replica can read again',
    ],
    ['>= 0 for == 0', '== 0', '>= 0', 'one that can read is silent'],
    ['not by connection', ', connection', '', 'is about one connection: the others stay silent', SUCCESS],
  ],
  TypeormMigrationsPartlyUnreachable: [
    ['no "while others can"', /and \([^]*?\n +\)\n/, '\n', 'none can read is another alert'],
    ['min for max of the others', /max by(?=.* == 1)/, 'min by', 'some replicas cannot read for 15 minutes'],
    ['a worker of a cluster left out', /\n +or max by.*/, '', 'a worker of a cluster that cannot read'],
    ['sum for count', 'count by', 'sum by', 'some replicas cannot read for 15 minutes'],
    ['missing == 0', / == 0\)/, ')', 'all can read is silent'],
    [
      'min_over_time as a bridge',
      'last_over_time',
      'min_over_time',
      'one that can read every other time stays silent',
    ],
    ['dropped `for`', 'for: 15m', 'for: 0m', '10 minutes of it stay silent'],
    ['a shorter `for`', 'for: 15m', 'for: 8m', '10 minutes of it stay silent'],
    [
      'a longer bridge',
      /\[2m:15s\]/g,
      '[5m:15s]',
      'a broken pod that is replaced within the time stays silent',
    ],
    [
      'no bridge for those that cannot',
      /last_over_time\((\S+)\[2m:15s\]\) == 0/,
      '$1 == 0',
      'one lost scrape does not reset its clock',
    ],
    [
      'no bridge for those that can',
      /last_over_time\((\S+)\[2m:15s\]\)\) == 1/,
      '$1) == 1',
      'a lost scrape of the one that can read does not reset its clock',
    ],
    [
      'a bridge for short intervals only',
      /\[2m:15s\]/g,
      '[2m]',
      'scraped every 2 minutes, one of them lost, it takes no longer',
    ],
  ],
  TypeormMigrationsDatabaseAhead: [
    ['max for min', 'min by', 'max by', 'old pods in a rollout alone stay silent'],
    ['sum for min', 'min by', 'sum by', 'every healthy replica sees unknown migrations for 15 minutes'],
    ['dropped `for`', 'for: 15m', 'for: 0m', '5 minutes of it stay silent'],
    ['a shorter `for`', 'for: 15m', 'for: 12m', 'new code after 13 minutes stays silent'],
    [
      'max_over_time for last_over_time',
      'last_over_time',
      'max_over_time',
      'new code after 13 minutes, in the same pod, stays silent',
    ],
    ['no bridge', /last_over_time\((.*)\[5m:15s\]\)/, '$1', 'one lost scrape does not reset its clock'],
    ['a longer bridge', '[5m:15s]', '[30m:15s]', 'a rollback of the code alone'],
    ['missing > 0', ' > 0', '', 'none unknown is silent'],
  ],
  TypeormMigrationsOutOfOrder: [
    ['sum for max', 'max by', 'sum by', 'a migration that was merged late, for 15 minutes'],
    ['min for max', 'max by', 'min by', 'one replica that sees it is enough'],
    ['dropped `for`', 'for: 15m', 'for: 0m', 'applied after 12 minutes stays silent'],
    ['a shorter `for`', 'for: 15m', 'for: 10m', 'applied after 12 minutes stays silent'],
    [
      'max_over_time as a bridge',
      /last_over_time(.*)\[2m:15s\]/,
      'max_over_time$1[5m:15s]',
      'applied after 12 minutes stays silent',
    ],
    [
      'a longer bridge',
      '[2m:15s]',
      '[10m:15s]',
      'what was last seen of a pod that is gone does not count for long',
    ],
    ['no bridge', /last_over_time\((.*)\[2m:15s\]\)/, '$1', 'one lost scrape does not reset its clock'],
    [
      'a bridge for all replicas together',
      EXPRESSION,
      'expr: last_over_time((max by (namespace, job, connection) (typeorm_migrations_out_of_order))[2m:15s]) > 0\n        for: 15m',
      'a lost scrape of the one replica that sees it does not reset its clock',
    ],
    ['missing > 0', ' > 0', '', 'none out of order is silent'],
  ],
  TypeormMigrationsNoneDefined: [
    ['sum for max', 'max by', 'sum by', 'rows recorded and none defined, for 15 minutes'],
    ['rows or not', / > 0 and/, ' and', 'a connection without migrations is silent'],
    ['several rows', / > 0 and/, ' > 1 and', 'a single row recorded is enough'],
    ['missing == 0', ' == 0', '', 'migrations defined are silent'],
    [
      'replicas mixed up',
      /typeorm_migrations_applied_total > 0 and/,
      'typeorm_migrations_applied_total > 0 and on (namespace, job, connection)',
      'another replica that has migrations applied makes no difference',
    ],
    [
      'unapplied == 0 for defined == 0',
      'typeorm_migrations_defined',
      'typeorm_migrations_unapplied_total',
      'rows recorded and none defined, for 15 minutes',
    ],
    ['dropped `for`', 'for: 15m', 'for: 0m', '10 minutes of it stay silent'],
    ['no bridge', /last_over_time\(\(([^]*)\)\[2m:15s\]\)/, '$1', 'one lost scrape does not reset its clock'],
  ],
  TypeormMigrationsReplicasDisagree: [
    ['replicas counted, not fingerprints', ', fingerprint)', ', instance)', 'replicas that agree are silent'],
    [
      'sum for count',
      'count by (namespace, job, connection) (',
      'sum by (namespace, job, connection) (',
      'replicas that agree are silent',
    ],
    ['>= 1 for > 1', '> 1', '>= 1', 'replicas that agree are silent'],
    ['== 2 for > 1', '> 1', '== 2', 'three different ones are one alert'],
    ['not by connection', /, connection/g, '', 'different connections may differ'],
    ['not by job', /job, /g, '', 'different jobs and namespaces may differ'],
    ['not by namespace', /namespace, /g, '', 'different jobs and namespaces may differ'],
    ['dropped `for`', 'for: 30m', 'for: 0m', 'a rollout of 25 minutes stays silent'],
    ['a shorter `for`', 'for: 30m', 'for: 15m', 'a rollout of 25 minutes stays silent'],
    ['a longer bridge', '[2m:15s]', '[10m:15s]', 'a rollout of 25 minutes stays silent'],
    ['no bridge', /last_over_time\((.*)\[2m:15s\]\)/, '$1', 'one lost scrape does not reset its clock'],
    [
      'a bridge for short intervals only',
      '[2m:15s]',
      '[2m]',
      'scraped every 2 minutes, one of them lost, it takes no longer',
    ],
  ],
  TypeormMigrationsAbsent: [
    ['whether the job is up or not', /and on.*/, '', 'a job that has gone as a whole is silent'],
    ['up or down', ' == 1', '', 'a job that is down as a whole is silent'],
    [
      'all of the job up',
      /max by(.*) == 1/,
      'min by$1 == 1',
      'one pod that is down among those that are up makes no difference',
    ],
    ['an evaluation late', 'max[3m]', 'max[2m:15s]', 'a connection that has just come is not even pending'],
    [
      'any job',
      'on (namespace, job) max by (namespace, job)',
      'on () max by ()',
      'another job that is up makes no difference',
    ],
    ['not by namespace', /namespace, job/g, 'job', 'another job that is up makes no difference'],
    [
      'up this very moment',
      'max_over_time(up[3m:15s])',
      'up',
      'one lost scrape of the job does not reset its clock',
    ],
    [
      'a bridge for short intervals only',
      'up[3m:15s]',
      'up[2m]',
      'scraped every 2 minutes, one of them lost, it takes no longer',
    ],
    [
      'a shorter memory',
      '[1d]',
      '[2h]',
      'a connection that has gone while the job is up, for 15 minutes, until the day is over',
    ],
    [
      'a longer memory',
      '[1d]',
      '[2d]',
      'a connection that has gone while the job is up, for 15 minutes, until the day is over',
    ],
    [
      'by instance',
      new RegExp(SUCCESS, 'g'),
      'typeorm_migrations_collection_success',
      'a pod that was replaced is silent',
    ],
    ['what can be read for what is there', /(unless .*)/, '$1 == 1', 'unreadable is not absent'],
    ['dropped `for`', 'for: 15m', 'for: 0m', '10 minutes of it stay silent'],
    ['a shorter `for`', 'for: 15m', 'for: 5m', '10 minutes of it stay silent'],
  ],
  MigrationsDatabaseUnreachable: [
    ['min for max', 'max by', 'min by', 'one replica that can read keeps it silent'],
    ['<= 0 for == -1', '== -1', '<= 0', 'nothing unapplied is not unreachable'],
    ['sum for max', 'max by', 'sum by', 'no replica can read for 5 minutes'],
    ['not by connection', ', connection', '', 'is about one connection, the others stay silent'],
    ['dropped `for`', 'for: 5m', 'for: 0m', 'away for 4 minutes stays silent'],
    ['no bridge', /last_over_time\(\((.*)\)\[2m:15s\]\)/, '$1', 'one lost scrape does not reset its clock'],
    [
      'a longer bridge',
      '[2m:15s]',
      '[10m:15s]',
      'what was last seen of a pod that is gone does not count for long',
    ],
    [
      'min_over_time as a bridge',
      'last_over_time',
      'min_over_time',
      'clears when one replica can read again',
    ],
  ],
};

export const MUTATIONS: readonly Mutation[] = Object.entries(TABLE).flatMap(([alert, rows]) =>
  rows.map(([weakening, from, to, killedBy, rule = alert]) => ({
    alert,
    rule,
    weakening,
    from,
    to,
    killedBy,
  })),
);
