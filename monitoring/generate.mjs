// Prints the alert rules for your own setup, as a rules file or as a PrometheusRule for Kubernetes.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

/** Default address of the runbooks. The shipped rule files contain it. */
const RUNBOOKS = 'docs/runbooks.md';

const USAGE = `Usage: node generate.mjs [options] > migrations.rules.yml

  --rules NAME      migrations (default), or django-compat
  --runbooks URL    address of the runbooks in the alerts' runbook_url (default ${RUNBOOKS})
  --metrics NAME    start of the metrics' names: the module's [namespace_]prefix (default typeorm)
  --by LABEL        one more label that distinguishes applications, such as cluster; may be repeated
  --retired J/C     connections C of jobs J that may disappear: no alert if they are absent. Both are
                    regular expressions, as in orders/reports or orders/tenant_.*; may be repeated
  --format FORMAT   rules (default), or kubernetes: a PrometheusRule
  --name NAME       metadata.name of the PrometheusRule (default nestjs-prometheus-migrations)
  --label K=V       a label of the PrometheusRule by which your Prometheus selects it, as
                    release=kube-prometheus-stack; may be repeated`;

const FILES = {
  migrations: { path: 'prometheus/migrations.rules.yml', metrics: 'typeorm' },
  'django-compat': { path: 'prometheus/django-compat.rules.yml', metrics: 'django' },
};
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const GROUPED_BY = ['namespace', 'job', 'connection'];
/** The job may contain slashes, as that of a PodMonitor does. */
const RETIRED = /^([^\s"\\]+)\/([^\s"\\/]+)$/;
/** The line of TypeormMigrationsAbsent that detects a missing connection. */
const GONE = /^ +unless last_over_time\(\S+\[3m\]\)\n/m;
const KUBERNETES_NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

try {
  console.log(generate(options()));
} catch (error) {
  console.error(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}

function options() {
  const text = { type: 'string' };
  const { values } = parseArgs({
    options: {
      rules: { ...text, default: 'migrations' },
      runbooks: { ...text, default: RUNBOOKS },
      metrics: text,
      by: { ...text, multiple: true, default: [] },
      retired: { ...text, multiple: true, default: [] },
      format: { ...text, default: 'rules' },
      name: { ...text, default: 'nestjs-prometheus-migrations' },
      label: { ...text, multiple: true, default: [] },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit();
  }
  const { rules, runbooks, metrics, by, retired, format, name, label } = values;
  check(Object.hasOwn(FILES, rules), '--rules', rules, Object.keys(FILES).join(' or '));
  check(['rules', 'kubernetes'].includes(format), '--format', format, 'rules or kubernetes');
  check(/^[^\s"'#]+$/.test(runbooks), '--runbooks', runbooks, 'an address without spaces, quotes and #');
  check(metrics === undefined || LABEL.test(metrics), '--metrics', metrics, 'letters, digits and _');
  for (const each of by) {
    const isNew = LABEL.test(each) && !GROUPED_BY.includes(each);
    check(isNew, '--by', each, `the name of a label, other than ${GROUPED_BY.join(', ')}`);
  }
  for (const each of retired) {
    check(rules === 'migrations', '--retired', each, 'it with --rules migrations only');
    check(RETIRED.test(each) && isRegExp(each), '--retired', each, 'job/connection, as regular expressions');
  }
  check(KUBERNETES_NAME.test(name), '--name', name, 'small letters, digits, - and .');
  for (const each of label) check(/^[\w./-]+=[\w.-]*$/.test(each), '--label', each, 'key=value');
  return values;
}

function check(holds, option, value, wanted) {
  if (!holds) throw new Error(`${option} ${value}: wanted ${wanted}.`);
}

function isRegExp(text) {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

function unlessRetired(each) {
  const [, job, connection] = RETIRED.exec(each);
  const selector = `{job=~"${job}",connection=~"${connection}"}`;
  return `          unless present_over_time(namespace_job_connection:typeorm_migrations_collection_success:max${selector}[1d])\n`;
}

function generate({ rules, runbooks, metrics, by, retired, format, name, label }) {
  const { path, metrics: original } = FILES[rules];
  const groupedBy = [...by, 'namespace', 'job'];
  // Added before the namespace, in front of the application's name in a summary.
  const start = by.map((each) => `{{ with $labels.${each} }}{{ . }}/{{ end }}`).join('');
  const text = readFileSync(new URL(path, import.meta.url), 'utf8')
    .replace(GONE, (line) => line + retired.map(unlessRetired).join(''))
    .replaceAll(`runbook_url: ${RUNBOOKS}#`, () => `runbook_url: ${runbooks}#`)
    .replaceAll(`${original}_migrations_`, `${metrics ?? original}_migrations_`)
    .replace(/\b(by|on) \(namespace, job\b/g, `$1 (${groupedBy.join(', ')}`)
    .replaceAll('namespace_job_connection:', `${groupedBy.join('_')}_connection:`)
    .replaceAll('{{ with $labels.namespace }}', (namespace) => start + namespace)
    .trimEnd();
  return format === 'kubernetes' ? prometheusRule(text, name, label) : text;
}

function prometheusRule(text, name, labels) {
  const lines = [
    '# Made by generate.mjs, of nestjs-prometheus-migrations: its --help shows how to make your own.',
    'apiVersion: monitoring.coreos.com/v1',
    'kind: PrometheusRule',
    'metadata:',
    `  name: '${name}'`,
    ...(labels.length > 0 ? ['  labels:'] : []),
    ...labels.map((label) => label.split('=')).map(([key, value]) => `    ${key}: '${value}'`),
    'spec:',
  ];
  const groups = text.slice(text.indexOf('groups:\n')).split('\n');
  return [...lines, ...groups.map((line) => (line === '' ? '' : `  ${line}`))].join('\n');
}
