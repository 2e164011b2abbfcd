import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { failingCases, hasPrometheus, parseRuleTests } from '../support/promtool';

const PROJECT = join(__dirname, '../..');
const RULES = read('monitoring/prometheus/migrations.rules.yml');

describe('generate.mjs', () => {
  it('prints the rules as they are shipped', () => {
    expect(generate().stdout).toBe(RULES);
    expect(generate('--rules', 'django-compat').stdout).toBe(
      read('monitoring/prometheus/django-compat.rules.yml'),
    );
  });

  it('puts the address of the runbooks into every alert', () => {
    const { stdout } = generate('--runbooks', 'https://wiki.example.com/?page=$&migrations');

    expect(stdout.match(/runbook_url: .*/g)).toHaveLength(13);
    expect(stdout).toContain(
      'runbook_url: https://wiki.example.com/?page=$&migrations#typeormmigrationsunapplied\n',
    );
    expect(stdout).not.toContain('docs/runbooks.md');
  });

  it.skipIf(!hasPrometheus)('gives rules that work as well for other names and one label more', async () => {
    const { stdout } = generate('--metrics', 'acme_typeorm', '--by', 'cluster');
    const cases = parseRuleTests(
      read('test/monitoring/rules/unapplied.test.yml')
        .replaceAll('typeorm_migrations_', 'acme_typeorm_migrations_')
        .replaceAll('{namespace="shop"', '{cluster="north",namespace="shop"')
        .replaceAll('{ severity: warning, ', '{ severity: warning, cluster: north, ')
        .replaceAll("summary: 'shop/", "summary: 'north/shop/"),
    );
    // It is about a series that has no namespace, and so was given no cluster.
    cases.tests = cases.tests.filter(({ name }) => name !== 'works where nothing sets a namespace');

    expect(stdout).not.toMatch(/(?<!acme_)typeorm_migrations_/);
    expect(await failingCases(stdout, cases)).toEqual([]);
    // The rules as they are shipped fire for none of these.
    const [firing] = cases.tests;
    expect(await failingCases(RULES, { ...cases, tests: [firing!] })).toEqual([firing?.name]);
  });

  it.skipIf(!hasPrometheus)('gives rules that let a retired connection go, and no other', async () => {
    const cases = parseRuleTests(read('test/monitoring/rules/absent.test.yml'));
    const gone = 'all connections gone while the job is up: one alert each';
    cases.tests = cases.tests.filter(({ name }) => name === gone);
    const one = parseRuleTests(JSON.stringify(cases).replace('"value":2', '"value":1'));

    for (const retired of ['orders/user_data', 'orders/user_.*', 'or.*/(default|x)']) {
      expect(await failingCases(generate('--retired', retired).stdout, one)).toEqual([]);
    }
    for (const retired of ['orders/user', 'billing/user_data', 'shop/orders/default']) {
      expect(await failingCases(generate('--retired', retired).stdout, cases)).toEqual([]);
    }
    const { stdout } = generate('--retired', 'orders/default', '--retired', 'orders/user_data');
    expect(await failingCases(stdout, cases)).toEqual([gone]);
  });

  it('tells two clusters apart only where it is asked to', () => {
    expect(generate('--by', 'cluster').stdout.match(/(by|on) \(namespace/g)).toBeNull();
    expect(RULES).not.toContain('cluster, namespace');
  });

  it('makes a PrometheusRule of them', () => {
    const labels = ['--label', 'release=stack', '--label', 'version=1.10', '--label', 'on=true'];
    const { stdout } = generate('--format', 'kubernetes', '--name', '5', ...labels);

    expect(parse(stdout)).toEqual({
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata: { name: '5', labels: { release: 'stack', version: '1.10', on: 'true' } },
      spec: parse(RULES) as unknown,
    });
  });

  it.each([
    [['--rules', 'others'], '--rules others: wanted migrations or django-compat.'],
    [['--format', 'json'], '--format json: wanted rules or kubernetes.'],
    [['--metrics', 'a-b'], '--metrics a-b: wanted letters, digits and _.'],
    [['--by', 'a b'], '--by a b: wanted the name of a label, other than namespace, job, connection.'],
    [['--by', 'job'], '--by job: wanted the name of a label, other than namespace, job, connection.'],
    [['--rules', 'constructor'], '--rules constructor: wanted migrations or django-compat.'],
    [['--name', 'my rules: x'], '--name my rules: x: wanted small letters, digits, - and .'],
    [['--runbooks', 'a b'], '--runbooks a b: wanted an address without spaces, quotes and #.'],
    [['--label', 'release'], '--label release: wanted key=value.'],
    [['--retired', 'reports'], '--retired reports: wanted job/connection, as regular expressions.'],
    [['--retired', 'orders/('], '--retired orders/(: wanted job/connection, as regular expressions.'],
    [['--retired', 'orders/a"b'], '--retired orders/a"b: wanted job/connection, as regular expressions.'],
    [
      ['--rules', 'django-compat', '--retired', 'orders/a'],
      '--retired orders/a: wanted it with --rules migrations only.',
    ],
    [['--prefix', 'x'], "Unknown option '--prefix'"],
  ])('refuses %j', (args, message) => {
    const { status, stdout, stderr } = generate(...args);

    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toContain('Usage: node generate.mjs');
  });

  it('has every option in the documentation, with its default', () => {
    const usage = generate('--help')
      .stdout.match(/^ {2}--\w+ \S+/gm)
      ?.map((option) => option.trim());

    expect(usage).toHaveLength(8);
    expect(
      read('docs/kubernetes.md')
        .match(/(?<=^\| `)--\w+ \S+(?=`)/gm)
        ?.sort(),
    ).toEqual(usage?.sort());
  });
});

describe('the manifests for Kubernetes', () => {
  const manifest = <Content>(name: string) => parse(read(`monitoring/kubernetes/${name}.yaml`)) as Content;
  const { spec } = manifest<{
    spec: {
      template: { metadata: { labels: object }; spec: { containers: { ports: { name: string }[] }[] } };
    };
  }>('deployment.example');
  const labels = { matchLabels: spec.template.metadata.labels };
  const ports = spec.template.spec.containers.flatMap(({ ports }) => ports.map(({ name }) => name));

  it('have the rules as they are', () => {
    expect(read('monitoring/kubernetes/prometheus-rule.yaml'), 'run `npm run generate`').toBe(
      generate('--format', 'kubernetes', '--label', 'release=kube-prometheus-stack').stdout,
    );
  });

  it.each([
    ['pod-monitor', 'podMetricsEndpoints'],
    ['service-monitor', 'endpoints'],
  ])('%s scrapes the port that there is', (name, endpoints) => {
    const { spec } = manifest<{ spec: Record<string, unknown> }>(name);

    expect(spec['selector']).toEqual(labels);
    expect(spec[endpoints]).toEqual([{ port: 'metrics', interval: '15s', scrapeTimeout: '10s' }]);
    expect(ports).toContain('metrics');
  });

  it('network-policy opens both ports, that of the metrics to Prometheus only', () => {
    const { spec } = manifest<{
      spec: { podSelector: object; ingress: { from?: object[]; ports: { port: string }[] }[] };
    }>('network-policy');

    expect(spec.podSelector).toEqual(labels);
    expect(spec.ingress.map(({ from, ports }) => [from?.length, ports.map(({ port }) => port)])).toEqual([
      [1, ['metrics']],
      [undefined, ['http']],
    ]);
    expect(ports).toEqual(['http', 'metrics']);
  });
});

function generate(...args: string[]) {
  return spawnSync(process.execPath, [join(PROJECT, 'monitoring/generate.mjs'), ...args], {
    encoding: 'utf8',
  });
}

function read(path: string): string {
  return readFileSync(join(PROJECT, path), 'utf8');
}
