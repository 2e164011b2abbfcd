import Ajv from 'ajv';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { connectionOptions } from '../../sample-app/data-source.options';
import { hasPrometheus } from '../support/promtool';

const run = promisify(execFile);
const PROJECT = join(__dirname, '../..');
const SAMPLE_APP = join(PROJECT, 'sample-app');
const DASHBOARD = join(PROJECT, 'monitoring/grafana/migrations.json');

interface Service {
  image?: string;
  build?: { context: string; dockerfile: string };
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
}

interface Compose {
  services: Record<'postgres' | 'mariadb' | 'sample' | 'prometheus' | 'grafana', Service>;
  volumes: Record<string, unknown>;
}

interface Target {
  targets: string[];
}

interface Prometheus {
  global: { scrape_interval: string };
  rule_files: string[];
  scrape_configs: { file_sd_configs: { files: string[] }[] }[];
}

const compose = readYaml<Compose>('compose.yaml');
const { postgres, mariadb, sample, prometheus, grafana } = compose.services;
const services = Object.entries(compose.services);

const build = sample.build ?? { context: '', dockerfile: '' };
const context = resolve(SAMPLE_APP, build.context);
const dockerfile = readFileSync(resolve(context, build.dockerfile), 'utf8');

describe('compose.yaml', () => {
  it('is what the Compose specification calls valid', () => {
    // The specification's schema, as the linter dclint ships it (the package does not export the file).
    const dclint = dirname(createRequire(__filename).resolve('dclint/package.json'));
    const schema = JSON.parse(readFileSync(join(dclint, 'schemas/compose.schema.json'), 'utf8')) as object;
    // It asks for draft 7 by an address that Ajv does not know it under.
    const draft7 = { ...schema, $schema: 'http://json-schema.org/draft-07/schema#' };
    const ajv = new Ajv({ allErrors: true, strictTypes: false });

    const valid = ajv.validate(draft7, compose);

    expect(ajv.errorsText()).toBe('No errors');
    expect(valid).toBe(true);
  });

  it('has no version, which Compose warns about', () => {
    expect(compose).not.toHaveProperty('version');
  });

  it.each(services)('%s: its image is pinned', (_, { image }) => {
    const images =
      image === undefined ? [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, from]) => from) : [image];

    expect(images.length).toBeGreaterThan(0);
    for (const each of images) expect(each).toMatch(/^[\w./-]+:v?\d[\w.-]*$/);
  });

  it.each(services)('%s: its ports are published on loopback only', (_, { ports = [] }) => {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  it('publishes no port twice, and none of a database', () => {
    const published = services.flatMap(([, { ports = [] }]) => ports.map((port) => port.split(':')[1]));

    expect(published).toEqual([...new Set(published)]);
    expect(postgres).not.toHaveProperty('ports');
    expect(mariadb).not.toHaveProperty('ports');
  });

  it.each(services)('%s: it mounts, and reads only, what the repository has', (_, service) => {
    for (const { source, mode } of bindsOf(service)) {
      expect(existsSync(source), source).toBe(true);
      expect(mode, source).toBe('ro');
    }
  });

  it.each(services)('%s: its volumes are declared', (_, service) => {
    for (const { source } of namedVolumesOf(service)) expect(compose.volumes).toHaveProperty(source);
  });
});

describe('the databases', () => {
  it.each(Object.entries({ postgres, mariadb }))(
    '%s: the sample waits until it is healthy',
    (name, { healthcheck }) => {
      expect(healthcheck?.test[0]).toBe('CMD');
      expect(sample.depends_on?.[name]).toEqual({ condition: 'service_healthy' });
    },
  );

  it('are named in full by the addresses that the sample is given', () => {
    const { DATABASE_URL, USER_DATA_URL } = sample.environment ?? {};

    expect(partsOf(DATABASE_URL)).toEqual({
      protocol: 'postgres:',
      host: 'postgres:5432',
      user: postgres.environment?.['POSTGRES_USER'],
      password: postgres.environment?.['POSTGRES_PASSWORD'],
      database: postgres.environment?.['POSTGRES_DB'],
    });
    expect(partsOf(USER_DATA_URL)).toEqual({
      protocol: 'mysql:',
      host: 'mariadb:3306',
      user: mariadb.environment?.['MARIADB_USER'],
      password: mariadb.environment?.['MARIADB_PASSWORD'],
      database: mariadb.environment?.['MARIADB_DATABASE'],
    });
  });

  it('are asked for their health in the name of the user that there is', () => {
    expect(postgres.healthcheck?.test).toContain(`--username=${postgres.environment?.['POSTGRES_USER']}`);
    expect(postgres.healthcheck?.test).toContain(`--dbname=${postgres.environment?.['POSTGRES_DB']}`);
  });
});

describe('the sample', () => {
  const environment: NodeJS.ProcessEnv = { ...sample.environment };
  for (const [, name = '', value] of dockerfile.matchAll(/^ENV (\w+)=(\S+)$/gm)) environment[name] = value;

  it('is given no variable that it does not read', () => {
    const read = new Set<string | symbol>();
    connectionOptions(
      new Proxy(environment, {
        get: (target, name: string) => {
          read.add(name);
          return target[name];
        },
      }),
    );

    expect(Object.keys(environment).filter((name) => !read.has(name))).toEqual([]);
  });

  it('has two connections on the servers, and the third on its volume', () => {
    const { default: orders, user_data, cache_db } = connectionOptions(environment);
    const volume = namedVolumesOf(sample)[0]?.target ?? 'no volume';

    expect(orders).toMatchObject({ type: 'postgres', url: sample.environment?.['DATABASE_URL'] });
    expect(user_data).toMatchObject({ type: 'mysql', url: sample.environment?.['USER_DATA_URL'] });
    expect(cache_db).toMatchObject({ type: 'better-sqlite3', database: `${volume}/cache_db.sqlite` });
    expect(dockerfile).toContain(`--owner=node --group=node ${volume}\n`);
  });

  it('is asked for its health on the port that it publishes', () => {
    expect(sample.ports).toEqual([`127.0.0.1:3000:${exposedPort()}`]);
    expect(sample.healthcheck?.test.join(' ')).toContain(`http://127.0.0.1:${exposedPort()}/metrics`);
  });

  it('is built from files that the repository has, and Docker is let see', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, from = '']) =>
      from.split(' '),
    );
    const ignored = readFileSync(resolve(context, `${build.dockerfile}.dockerignore`), 'utf8').split('\n');
    const allowed = ignored.flatMap((line) => (line.startsWith('!') ? line.slice(1) : []));

    expect(context).toBe(PROJECT);
    expect(ignored[0]).toBe('*');
    expect(copied.sort()).toEqual(allowed.sort());
    for (const path of copied) expect(existsSync(join(context, path)), path).toBe(true);
  });

  it('does not run as root', () => {
    expect(dockerfile.slice(dockerfile.lastIndexOf('FROM '))).toMatch(/^USER node$/m);
  });
});

describe('Prometheus', () => {
  const CONFIG = join(SAMPLE_APP, 'prometheus/prometheus.yml');
  const config = readYaml<Prometheus>('prometheus/prometheus.yml');
  const binds = bindsOf(prometheus);
  const configInContainer = binds.find(({ source }) => source === CONFIG)?.target ?? '';

  it.skipIf(!hasPrometheus)('accepts the configuration, its rules and its targets', async () => {
    const { stdout } = await run('promtool', ['check', 'config', CONFIG]);

    expect(stdout).toContain('prometheus.yml is valid');
    // A target list that is not there is no more than that to promtool.
    expect(stdout).not.toContain('WARNING');
    expect(stdout).toMatch(/SUCCESS: [1-9]\d* rule files found/);
  });

  it('reads the configuration where the image expects it', () => {
    expect(configInContainer).toBe('/etc/prometheus/prometheus.yml');
    expect(prometheus).not.toHaveProperty('command');
  });

  it('finds the same rules in the container as beside it', () => {
    for (const pattern of config.rule_files) {
      expect(binds).toContainEqual({
        source: resolve(dirname(CONFIG), dirname(pattern)),
        target: posix.resolve(dirname(configInContainer), posix.dirname(pattern)),
        mode: 'ro',
      });
    }
  });

  it('scrapes localhost, and in the container the sample', () => {
    const [file = ''] = config.scrape_configs[0]?.file_sd_configs[0]?.files ?? [];
    const inContainer = binds.find(
      ({ target }) => target === posix.resolve(dirname(configInContainer), file),
    );

    const targets = (path = '') => readYaml<Target[]>(path).flatMap((group) => group.targets);
    expect(targets(`prometheus/${file}`)).toEqual([`localhost:${exposedPort()}`]);
    expect(targets(inContainer?.source)).toEqual([`sample:${exposedPort()}`]);
  });
});

describe('Grafana', () => {
  const PROVISIONING = '/etc/grafana/provisioning';
  const dashboardInContainer = bindsOf(grafana).find(({ source }) => source === DASHBOARD)?.target ?? '';

  it.each(['datasources', 'dashboards'])('is provisioned with %s', (what) => {
    const { source = '' } = bindsOf(grafana).find(({ target }) => target === `${PROVISIONING}/${what}`) ?? {};
    expect(source).toBe(join(SAMPLE_APP, 'grafana/provisioning', what));
  });

  it('asks the Prometheus that is there, as often as that scrapes', () => {
    const { apiVersion, datasources } = readYaml<{ apiVersion: number; datasources: unknown[] }>(
      'grafana/provisioning/datasources/prometheus.yaml',
    );
    const { global } = readYaml<Prometheus>('prometheus/prometheus.yml');

    expect(apiVersion).toBe(1);
    expect(datasources).toEqual([
      {
        name: 'Prometheus',
        uid: 'prometheus',
        type: 'prometheus',
        access: 'proxy',
        url: `http://prometheus:${prometheus.ports?.[0]?.split(':')[2]}`,
        isDefault: true,
        jsonData: { timeInterval: global.scrape_interval },
      },
    ]);
  });

  it('takes the dashboard from where it is mounted, and starts with it', () => {
    const { apiVersion, providers } = readYaml<{ apiVersion: number; providers: unknown[] }>(
      'grafana/provisioning/dashboards/migrations.yaml',
    );

    expect(basename(dashboardInContainer)).toBe(basename(DASHBOARD));
    expect(apiVersion).toBe(1);
    expect(providers).toEqual([
      { name: 'migrations', type: 'file', options: { path: posix.dirname(dashboardInContainer) } },
    ]);
    expect(grafana.environment?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']).toBe(dashboardInContainer);
  });

  it('gives strangers no more than a look', () => {
    expect(grafana.environment).toMatchObject({
      GF_AUTH_ANONYMOUS_ENABLED: 'true',
      GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer',
    });
  });
});

function readYaml<Content>(path: string): Content {
  return parse(readFileSync(resolve(SAMPLE_APP, path), 'utf8')) as Content;
}

interface Mount {
  source: string;
  target: string;
  mode: string | undefined;
}

function mountsOf({ volumes = [] }: Service): Mount[] {
  return volumes.map((volume) => {
    const [source = '', target = '', mode] = volume.split(':');
    return { source, target, mode };
  });
}

function bindsOf(service: Service): Mount[] {
  return mountsOf(service)
    .filter(({ source }) => /^[./~]/.test(source))
    .map((mount) => ({ ...mount, source: resolve(SAMPLE_APP, mount.source) }));
}

function namedVolumesOf(service: Service): Mount[] {
  return mountsOf(service).filter(({ source }) => !/^[./~]/.test(source));
}

function exposedPort(): string | undefined {
  return /^EXPOSE (\d+)$/m.exec(dockerfile)?.[1];
}

function partsOf(url = '') {
  const { protocol, host, username, password, pathname } = new URL(url);
  return { protocol, host, user: username, password, database: pathname.slice(1) };
}
