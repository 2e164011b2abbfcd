import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { migrationsDashboard } from '../../monitoring/grafana/migrations.dashboard';
import { createPostgres, type TestDatabase } from '../support/databases';
import { codeBlocks, page, pages, PROJECT, tableIn } from '../support/documents';
import { freePort } from '../support/free-port';
import { installPackage } from '../support/installed-package';
import { type PageApplication, startPageApplication, writeApplication } from '../support/page-application';
import { buildSample, type Sample, SAMPLE_BUILD_MS } from '../support/sample-app';
import { TcpProxy } from '../support/tcp-proxy';
import { terminalPicture } from '../support/terminal-picture';

// Each starts a process.
vi.setConfig({ testTimeout: 60_000 });

let sample: Sample;
let installed: string;
let database: TestDatabase;
let app: PageApplication | undefined;

beforeAll(async () => {
  sample = await buildSample();
  installed = installPackage(sample);
}, SAMPLE_BUILD_MS);
afterAll(() => sample.remove());

beforeEach(async () => {
  database = await createPostgres();
});
afterEach(async () => {
  await app?.stop();
  app = undefined;
  await database.drop();
});

/** What a page shows in TypeScript. */
const shown = (path: string, index = 0) => codeBlocks(page(path), 'ts')[index] ?? '';
/** What a page shows as output, block by block. */
const printed = (path: string, index = 0) => codeBlocks(page(path), '')[index] ?? '';

/** Starts modules of a page in a project that has two migrations, none of them applied. */
function start(modules: Readonly<Record<string, string>>, environment: NodeJS.ProcessEnv = {}) {
  const folder = join(installed, database.name);
  mkdirSync(folder);
  writeApplication(folder, modules);
  app = startPageApplication(folder, { DATABASE_URL: database.url, ...environment });
  return app;
}

async function get(path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${await app?.url}${path}`, { headers });
  return { status: response.status, body: await response.text() };
}

async function metrics(url = app?.url): Promise<string> {
  return (await fetch(`${await url}/metrics`)).text();
}

const linesOf = (text: string) => text.trim().split('\n');

/** For each page that opens with a root module: what somebody sees who pastes it. */
const PAGES: Readonly<Record<string, (path: string) => Promise<void>>> = {
  'README.md': async (path) => {
    start({ 'app.module': shown(path) });

    expect(await metrics()).toContain('typeorm_migrations_unapplied_total{connection="default"} 2\n');
    expect(app?.output()).toContain('LOG [PrometheusMigrations] Metrics are served at /metrics');
  },
  'docs/readiness.md': async (path) => {
    start({ 'app.module': shown(path) });

    const { status, body } = await get('/readyz');

    expect(`${body}${status}\n`).toBe(printed(path));
  },
  'docs/start-up.md': async (path) => {
    const { exit, output } = start({ 'app.module': shown(path) });

    expect(await exit).toBe(1);
    expect(output()).toContain(printed(path).trim());
  },
  'docs/status-page.md': async (path) => {
    start({ 'app.module': shown(path) });

    const { body } = await get('/internal/migrations');

    const { connections } = JSON.parse(body) as { connections: Record<string, unknown>[] };
    const rows = connections.map(({ connection, status, unapplied }) => ({ connection, status, unapplied }));
    expect(rows.map((row) => `${JSON.stringify(row)}\n`).join('')).toBe(printed(path));
  },
  'docs/opentelemetry.md': async (path) => {
    start({ 'app.module': shown(path) });

    expect((await get('/readyz')).status).toBe(503);
  },
  'docs/configuration.md': async (path) => {
    const port = await freePort();
    start({ 'app.module': shown(path).replace('9100', String(port)) });
    await app?.url;

    const text = await metrics(Promise.resolve(`http://127.0.0.1:${port}`));
    expect(text.match(/.*unapplied_total.*\n/g)?.join('')).toBe(printed(path));
  },
  'docs/django-prometheus.md': async (path) => {
    start({ 'app.module': shown(path) });

    const text = await metrics();
    expect(text.match(/^django_migrations_(un)?applied_total.*\n/gm)?.join('')).toBe(printed(path));
  },
  'docs/clusters.md': async (path) => {
    start({ 'app.module': shown(path) });
    await app?.url;

    expect(app?.output().replace(/:91\d\d/, ':9101')).toContain(printed(path).trim());
  },
  'docs/replicas.md': async (path) => {
    start({ 'app.module': shown(path) });

    expect(await metrics()).toContain('unapplied_total{connection="default"} 2\n');
  },
  'docs/recipes.md': async (path) => {
    start({ 'app.module': shown(path) }, { REPORTING_URL: database.url });

    const text = await metrics();
    expect(text.match(/^typeorm_migrations_unapplied_total.*\n/gm)?.join('')).toBe(printed(path));
  },
  'docs/runs.md': async (path) => {
    start({ 'app.module': shown(path) });
    const plain = (text: string) => linesOf(text.replaceAll(/\d+\.\d+/g, 'some'));

    const series = plain(printed(path)).filter((line) => !/_bucket|_last_run/.test(line));
    expect(plain(await metrics())).toEqual(expect.arrayContaining(series));
    const log = plain(app?.output() ?? '').map((line) => line.replace(/^.*LOG /, 'LOG '));
    expect(log).toEqual(expect.arrayContaining(plain(printed(path, 1))));
  },
  'docs/drift.md': async (path) => {
    start({ 'app.module': shown(path) });

    const text = await metrics();
    expect(text).toContain('# TYPE typeorm_migrations_schema_drift_statements gauge');
    // Two migrations are unapplied: drift is not judged.
    expect(text).not.toMatch(/^typeorm_migrations_schema_drift_statements\{/m);
  },
  'docs/kubernetes.md': async (path) => {
    const port = await freePort();
    start({ 'app.module': shown(path) }, { PROMETHEUS_METRICS_EXPORT_PORT: String(port) });

    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(503);
    expect((await get('/metrics')).status).toBe(404);
    expect(await metrics(Promise.resolve(`http://127.0.0.1:${port}`))).toContain(
      'typeorm_migrations_unapplied_total{connection="default"} 2\n',
    );
  },
};

describe('the first module of a page', () => {
  const opening = pages().filter((source) => /class AppModule/.test(codeBlocks(source, 'ts')[0] ?? ''));

  it.each(opening.map(({ path }) => path))('of %s runs when it is pasted', async (path) => {
    const check = PAGES[path];
    expect(check, `a check of ${path}`).toBeDefined();
    await check?.(path);
  });

  it('is there for every check', () => {
    expect(opening.map(({ path }) => path)).toEqual(expect.arrayContaining(Object.keys(PAGES)));
  });
});

describe('docs/readiness.md', () => {
  const path = 'docs/readiness.md';
  const ROOT = shown(path)
    .replace('@Module', "import { HealthModule } from './health.module';\n@Module")
    .replace(
      /PrometheusMigrationsModule.forRoot\(.*\)/,
      'PrometheusMigrationsModule.forRoot(), HealthModule',
    );

  it('shows a module for terminus, and its answer', async () => {
    start({ 'app.module': ROOT, 'health.module': shown(path, 1) });

    const { status, body } = await get('/readyz');

    const [documented = ''] = codeBlocks(page(path), 'json');
    expect([status, JSON.parse(body)]).toEqual([503, JSON.parse(documented)]);
  });
});

describe('docs/start-up.md', () => {
  const path = 'docs/start-up.md';

  it('shows the log of a wait', async () => {
    const waiting = `{ waitFor: { timeout: 240_000, interval: 100 }, onUnapplied: 'fail' }`;
    start({ 'app.module': shown(path).replace("{ onUnapplied: 'fail' }", waiting) });
    await expect.poll(() => app?.output(), { timeout: 15_000 }).toContain('Waiting for');
    await database.run(
      'CREATE TABLE migrations (id serial, timestamp bigint, name varchar)',
      "INSERT INTO migrations (timestamp, name) VALUES (1767225600000, 'CreateOrders1767225600000'), (1767312000000, 'AddOrderQuantity1767312000000')",
    );
    await app?.url;

    const lines = app?.output().match(/(?<=LOG )\[PrometheusMigrations\] (Waiting|All).*/g);
    const seconds = (line: string) => line.replace(/\d+\.\d s/, 'some s');
    expect(lines?.map(seconds)).toEqual(
      printed(path, 1)
        .trim()
        .split('\n')
        .map((line) => seconds(line.replace('LOG ', ''))),
    );
  });
});

describe('docs/status-page.md', () => {
  const path = 'docs/status-page.md';

  it('shows a guard', async () => {
    start({ 'app.module': shown(path, 1) }, { STAFF_TOKEN: 'secret' });

    expect((await get('/internal/migrations')).status).toBe(403);
    expect((await get('/internal/migrations', { authorization: 'Bearer secret' })).status).toBe(200);
  });
});

describe('docs/recipes.md', () => {
  const path = 'docs/recipes.md';
  /** The block of the page that has these words. */
  const block = (words: string, ...languages: string[]) =>
    codeBlocks(page(path), ...languages).find((code) => code.includes(words)) ?? '';

  it('shows how to start while a second database is down, and what is read and logged', async () => {
    const proxy = await TcpProxy.before(database.url, 5432);
    try {
      proxy.set('refuse');
      start(
        { 'app.module': block('manualInitialization', 'ts') },
        { USER_DATA_URL: proxy.url(database.url) },
      );

      expect(linesOf(await metrics())).toEqual(expect.arrayContaining(linesOf(block('"user_data"} -1', ''))));
      expect((await get('/readyz')).body).not.toContain('user_data');
      proxy.set('none');
      await expect.poll(() => app?.output(), { timeout: 15_000 }).toContain('is connected');

      expect(await metrics()).toContain('unapplied_total{connection="user_data"} 2\n');
      const log = linesOf(app?.output() ?? '').map((line) => line.replace(/^.*(LOG|WARN) /, '$1 '));
      expect(log).toEqual(expect.arrayContaining(linesOf(block('[UserData]', ''))));
    } finally {
      await proxy.close();
    }
  });

  it('shows tenants that are made at run time', async () => {
    start({ 'app.module': block('class Tenants', 'ts') });

    await fetch(`${await app?.url}/tenants/acme`, { method: 'POST' });
    expect(linesOf(await metrics())).toEqual(expect.arrayContaining(linesOf(block('tenant_acme', ''))));

    await fetch(`${await app?.url}/tenants/acme`, { method: 'DELETE' });
    expect(await metrics()).not.toContain('tenant_acme');
  });

  it('shows a bearer token behind a prefix and versions, and where Prometheus finds the metrics', async () => {
    const main = block('bootstrap()', 'ts').replace(
      'await app.listen(3000);',
      "await app.listen(0, '127.0.0.1'); console.log('LISTENS ' + (await app.getUrl()));",
    );
    start({ 'app.module': block('ScraperGuard', 'ts'), main }, { SCRAPER_TOKEN: 'secret' });
    const [, metricsPath = ''] = /metrics_path: (\S+)/.exec(block('metrics_path', 'yaml')) ?? [];

    expect((await get(metricsPath)).status).toBe(403);
    expect((await get(metricsPath, { authorization: 'Bearer secret' })).body).toContain(
      'unapplied_total{connection="default"} 2\n',
    );
  });

  it('shows a guard that lets nobody in without a token of its own', async () => {
    start({ 'app.module': block('ScraperGuard', 'ts') });

    expect((await get('/internal/metrics', { authorization: 'Bearer undefined' })).status).toBe(403);
    expect((await get('/internal/metrics', { authorization: 'Bearer ' })).status).toBe(403);
  });
});

describe('docs/testing.md', () => {
  it('shows a file that passes in Vitest', async () => {
    const folder = join(installed, database.name);
    mkdirSync(join(folder, 'test'), { recursive: true });
    writeFileSync(join(folder, 'test/metrics.spec.ts'), shown('docs/testing.md'));
    const vitest = join(PROJECT, 'node_modules/vitest/vitest.mjs');
    const { stdout } = await promisify(execFile)(process.execPath, [vitest, 'run', '--root', folder], {
      cwd: folder,
      env: { PATH: process.env['PATH'], NO_COLOR: '1', DATABASE_URL: database.url },
    });

    expect(stdout).toContain('✓ test/metrics.spec.ts (1 test)');
  });
});

describe('docs/dashboard.md', () => {
  it('lists the panels of the dashboard, row by row', () => {
    let row = '';
    const panels = (migrationsDashboard().panels ?? []).flatMap(({ type, title = '' }) => {
      if (type === 'row') row = title;
      return type === 'row' ? [] : [[row, title]];
    });

    const rows = tableIn(page('docs/dashboard.md'), 'panels').map(([name, panel]) => [name, panel]);
    expect(rows).toEqual(panels);
  });
});

describe('docs/check.svg', () => {
  const CHECK = 'npx nestjs-prometheus-migrations check --data-source dist/data-source.js';

  it('is what check prints', async () => {
    const folder = join(installed, database.name);
    mkdirSync(folder);
    writeApplication(folder, { 'data-source': codeBlocks(page('docs/command-line.md'), 'ts')[0] ?? '' });
    const { stdout } = await promisify(execFile)(
      'bash',
      ['-c', `${CHECK}; code=$?; echo '$ echo $?'; echo $code`],
      {
        cwd: folder,
        env: { ...process.env, DATABASE_URL: database.url },
      },
    );
    const lines = [`$ ${CHECK}`, ...stdout.trimEnd().split('\n')];

    const picture = terminalPicture('What check prints, and its exit code', lines);
    await expect(picture).toMatchFileSnapshot('../../docs/check.svg');
  });
});
