import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { instrumentMigrations, PrometheusMigrationsModule } from '../../lib';
import { METRIC_NAMES, metricNames } from '../../lib/metrics/metric.names';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { dashboardExpressions } from '../support/dashboard';
import { defineMigrations } from '../support/migrations';
import { metricNamesIn, metricOf } from '../support/promql';
import { hasPrometheus, metricFindings } from '../support/promtool';
import { alertsIn, type Rule, rulesIn } from '../support/rules';

const PROJECT = join(__dirname, '../..');
const OWN = Object.values(METRIC_NAMES);
const DJANGO = metricNames({ prefix: 'django' });

const RULES = rulesIn(read('monitoring/prometheus/migrations.rules.yml'));
const COMPAT_RULES = rulesIn(read('monitoring/prometheus/django-compat.rules.yml'));
const ALERTS = alertsIn([...RULES, ...COMPAT_RULES]);

describe('the rules', () => {
  it('use no metric that is not exported, but for `up`', () => {
    expect(used(RULES).filter((name) => name !== 'up' && !OWN.includes(name))).toEqual([]);
  });

  it('use every metric that tells a state', () => {
    const {
      collectionDuration,
      newestApplied,
      oldestUnapplied,
      runDuration,
      schemaDriftLastSuccess,
      ...states
    } = METRIC_NAMES;

    expect(used(RULES)).toEqual(expect.arrayContaining(Object.values(states)));
    // How long a reading or a run took, and how old something is, are for people: on the dashboard.
    const forPeople = [
      collectionDuration,
      newestApplied,
      oldestUnapplied,
      runDuration,
      schemaDriftLastSuccess,
    ];
    expect(used(RULES).filter((name) => forPeople.includes(metricOf(name)))).toEqual([]);
  });

  it('for django-prometheus use its two metrics, and nothing else', () => {
    expect(used(COMPAT_RULES)).toEqual([DJANGO.applied, DJANGO.unapplied]);
  });

  it.each([
    ['migrations', RULES],
    ['django-compat', COMPAT_RULES],
  ])('in %s use what they record, and record what they use', (_, rules) => {
    const recorded = rules.flatMap(({ record }) => record ?? []);

    expect(recorded.length).toBeGreaterThan(0);
    expect(namesIn(rules).filter((name) => name.includes(':'))).toEqual(recorded.sort());
  });
});

describe('the dashboard', () => {
  it('uses every metric there is, and no other', () => {
    const names = dashboardExpressions().flatMap(({ expression }) => metricNamesIn(expression).map(metricOf));

    expect([...new Set(names)].sort()).toEqual([...OWN].sort());
  });
});

describe('the documentation', () => {
  const documents = ['README.md', 'SECURITY.md', 'CHANGELOG.md', ...filesIn('docs', '.md')];

  it.each(documents)('%s names no metric that is not exported', (document) => {
    const named = read(document).match(/(?<!:)\b(typeorm|django)_migrations_\w+/g) ?? [];

    expect(named.filter((name) => ![...OWN, ...Object.values(DJANGO)].includes(metricOf(name)))).toEqual([]);
  });

  it.each(documents)('%s names no recorded metric that is not recorded', (document) => {
    const recorded = [...RULES, ...COMPAT_RULES].flatMap(({ record }) => record ?? []);
    const named = read(document).match(/\b\w+:\w+_migrations_\w+:\w+/g) ?? [];

    expect(named.filter((name) => !recorded.includes(name))).toEqual([]);
  });

  it('has a runbook for every alert, and for no other', () => {
    const headings = read('docs/runbooks.md').match(/(?<=^## ).+$/gm);

    expect(headings).toEqual(alertsIn(RULES));
  });

  it.each([...RULES, ...COMPAT_RULES].filter(({ alert }) => alert !== undefined))(
    'is where $alert leads to',
    ({ alert, annotations }) => {
      const name = alert!.replace(/^(Typeorm)?Migrations/, 'TypeormMigrations');

      expect(annotations?.runbook_url).toBe(`docs/runbooks.md#${name.toLowerCase()}`);
    },
  );

  it('lists every alert with the time it takes and its severity', () => {
    const rows = read('docs/alerts.md')
      .split('<!-- alerts -->')[1]!
      .trim()
      .split('\n\n')[0]!
      .split('\n')
      .slice(2)
      .map((row) => row.split('|').map((cell) => cell.trim().replaceAll('`', '')));

    // The clocks of the first two are in their expressions.
    const clocks: Record<string, string> = {
      TypeormMigrationsUnapplied: '15 m',
      TypeormMigrationsAppliedDecreased: 'at once, for 1 h',
    };
    expect(rows.map(([, alert, after, severity]) => [alert, after, severity])).toEqual(
      RULES.filter(({ alert }) => alert !== undefined).map(({ alert, for: after, labels }) => [
        alert,
        after?.replace(/[mh]$/, ' $&') ?? clocks[alert!],
        labels?.severity,
      ]),
    );
  });

  it.each([...documents, ...filesIn('monitoring/alertmanager', '.yml')])(
    '%s names no alert that there is not',
    (document) => {
      const named = read(document).match(/\b(Typeorm)?Migrations[A-Z]\w+/g) ?? [];

      expect(named.filter((name) => !ALERTS.includes(name) && !CLASSES.test(name))).toEqual([]);
    },
  );
});

describe.skipIf(!hasPrometheus)('promtool check metrics', () => {
  afterEach(closeApplications);

  it('finds nothing but the two names that are older than its rules', async () => {
    const registry = new Registry();
    const { get } = await startApplication({
      imports: [
        sqliteModule(defineMigrations(3), { applied: 1 }),
        PrometheusMigrationsModule.forRoot({
          registry,
          drift: { interval: 60_000 },
          dataSources: { user_data: new DataSource({ type: 'better-sqlite3', database: ':memory:' }) },
        }),
      ],
    });
    const job = new DataSource({ type: 'better-sqlite3', database: ':memory:', migrationsRun: true });
    await (await instrumentMigrations(job, { registry, connection: 'job' }).initialize()).destroy();
    const exposition = await get();

    for (const name of OWN) expect(exposition).toContain(`# TYPE ${name} `);
    expect(metricFindings(exposition)).toEqual([
      `${METRIC_NAMES.applied} non-counter metrics should not have "_total" suffix`,
      `${METRIC_NAMES.unapplied} non-counter metrics should not have "_total" suffix`,
    ]);
  });
});

/** What begins like an alert and is one of our classes, or django-prometheus's. */
const CLASSES = /^Migrations(Exporter|ForDatabase|GateError|HealthIndicator|Module|StatusController)/;

/** Names of metrics in all expressions, sorted. */
function namesIn(rules: readonly Rule[]): string[] {
  return [...new Set(rules.flatMap(({ expr }) => metricNamesIn(expr)))].sort();
}

/** Those that are scraped, and not recorded. */
function used(rules: readonly Rule[]): string[] {
  return namesIn(rules).filter((name) => !name.includes(':'));
}

function filesIn(folder: string, ending: string): string[] {
  return readdirSync(join(PROJECT, folder))
    .filter((file) => file.endsWith(ending))
    .map((file) => `${folder}/${file}`);
}

function read(path: string): string {
  return readFileSync(join(PROJECT, path), 'utf8');
}
