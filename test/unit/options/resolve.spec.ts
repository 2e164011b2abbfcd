import { inspect } from 'node:util';
import { Registry, register } from 'prom-client';
import { DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { InvalidOptionError, NotADataSourceError } from '../../../lib/prometheus-migrations.errors';
import { resolveExporterOptions, resolveModuleOptions } from '../../../lib/options/resolve';

const resolve = (options: object | null = {}, environment: Record<string, string> = {}) =>
  resolveModuleOptions(options as object, environment);

describe('resolveModuleOptions', () => {
  it('has a default for everything', () => {
    expect(resolve()).toEqual({
      exportMigrations: true,
      namespace: undefined,
      prefix: 'typeorm',
      registry: register,
      path: '/metrics',
      port: undefined,
      portRange: undefined,
      address: '127.0.0.1',
      defaultMetrics: false,
      refresh: 'scrape',
      maxAge: 1000,
      timeout: 3000,
      concurrency: 16,
      dataSources: {},
      exclude: [],
      onUnapplied: 'warn',
      onUnreadable: 'warn',
      waitFor: undefined,
      readiness: undefined,
      statusPath: undefined,
      title: undefined,
    });
  });

  it('takes undefined for an option that is not set', () => {
    expect(resolve({ path: undefined, timeout: undefined })).toEqual(resolve());
  });

  it('takes a path that only the metrics of an own port would have, if there is none', () => {
    expect(resolve({ path: false, statusPath: '/metrics' })).toMatchObject({ statusPath: '/metrics' });
  });

  it('reads the title from the environment', () => {
    const environment = { PROMETHEUS_MIGRATIONS_TITLE: 'orders · production' };
    expect(resolve({}, environment).title).toBe('orders · production');
    expect(resolve({ title: 'own' }, environment).title).toBe('own');
  });

  it('prefers an explicit option to the environment, and that to the default', () => {
    const environment = { PROMETHEUS_METRIC_NAMESPACE: 'shop', PROMETHEUS_EXPORT_MIGRATIONS: 'false' };
    expect(resolve({}, environment)).toMatchObject({ namespace: 'shop', exportMigrations: false });
    expect(resolve({ namespace: 'own', exportMigrations: true }, environment)).toMatchObject({
      namespace: 'own',
      exportMigrations: true,
    });
    expect(resolve({ namespace: undefined }, environment)).toMatchObject({ namespace: 'shop' });
  });

  it.each([
    ['true', true],
    ['TRUE', true],
    ['1', true],
    ['false', false],
    ['False', false],
    ['0', false],
  ])('reads PROMETHEUS_EXPORT_MIGRATIONS=%s as %s', (value, expected) => {
    expect(resolve({}, { PROMETHEUS_EXPORT_MIGRATIONS: value }).exportMigrations).toBe(expected);
  });

  it('takes an empty variable for one that is not set', () => {
    expect(resolve({}, { PROMETHEUS_METRIC_NAMESPACE: '', PROMETHEUS_EXPORT_MIGRATIONS: '' })).toEqual(
      resolve(),
    );
  });

  it.each([
    [{ path: 'metrics' }, 'path is "metrics". Begin it with a slash'],
    [{ path: true }, 'path is true. Begin it with a slash'],
    [{ path: '/my metrics' }, 'path is "/my metrics". Begin it with a slash'],
    [{ path: '/metrics?x=1' }, 'path is "/metrics?x=1". Begin it with a slash'],
    [{ path: '/metrics#x' }, 'path is "/metrics#x".'],
    [{ path: '/*splat' }, 'path is "/*splat".'],
    [{ path: '/:tenant/metrics' }, 'path is "/:tenant/metrics".'],
    [{ path: '' }, 'path is "".'],
    [
      { defaultMetrics: { prefix: 'my-app_' } },
      'defaultMetrics is an object of Object. Its prefix is "my-app_". Prometheus wants',
    ],
    [null, 'the options is null. Pass an object'],
    [{ onUnapplied: true }, "onUnapplied is true. Set it to 'ignore', 'warn' or 'fail'."],
    [{ onUnreadable: 'stop' }, 'onUnreadable is "stop". Set it to'],
    [{ waitFor: 5000 }, 'waitFor is 5000. Set it to { timeout, interval }'],
    [{ waitFor: { timeout: 5000 } }, 'waitFor is an object of Object. Set it to { timeout, interval }'],
    [{ waitFor: { timeout: 5000, interval: 0 } }, 'waitFor is an object of Object.'],
    [{ waitFor: { timeout: 5000, interval: 100, retries: 3 } }, 'waitFor is an object of Object.'],
    [{ readiness: true }, 'readiness is true. Set it to an object'],
    [{ readiness: { path: 'readyz' } }, 'readiness is an object of Object. Set it to an object'],
    [{ readiness: { allowUnapplied: -1 } }, 'readiness is an object of Object.'],
    [{ readiness: { whenUnreadable: 'up' } }, 'readiness is an object of Object.'],
    [{ readiness: { onced: true } }, 'readiness is an object of Object.'],
    [{ statusPath: 'status' }, 'statusPath is "status". Begin it with a slash'],
    [{ title: '' }, 'title is "". Set it to a text'],
    [{ title: 5 }, 'title is 5. Set it to a text'],
    [
      { statusPath: '/metrics' },
      'statusPath is "/metrics", the path of the option path as well. Give each page a path of its own.',
    ],
    [{ path: '/a/', statusPath: '/a' }, 'statusPath is "/a", the path of the option path as well.'],
    [
      { readiness: { path: '/metrics/' } },
      'readiness.path is "/metrics/", the path of the option path as well.',
    ],
    [
      { statusPath: '/Ready', readiness: { path: '/ready' } },
      'readiness.path is "/ready", the path of the option statusPath as well.',
    ],
    [{ path: '/', readiness: { path: '/' } }, 'readiness.path is "/", the path of the option path as well.'],
    [
      { path: false, port: 0, readiness: { path: '/metrics' } },
      'readiness.path is "/metrics", the path of the option path as well: the own port serves the metrics there.',
    ],
    [
      { path: false, portRange: [8001, 8002], statusPath: '/metrics' },
      'statusPath is "/metrics", the path of the option path as well: the own port serves the metrics there.',
    ],
    [{ prefix: '' }, 'prefix is "". Prometheus wants'],
    [{ prefix: '1st' }, 'prefix is "1st". Prometheus wants'],
    [{ prefix: 'my-app' }, 'prefix is "my-app". Prometheus wants'],
    [{ namespace: 'my app' }, 'namespace is "my app". Prometheus wants'],
    [{ namespace: '' }, 'namespace is "". Prometheus wants'],
    [{ timeout: 0 }, 'timeout is 0. Set it to a number of milliseconds, more than 0'],
    [{ timeout: 2 ** 31 }, 'timeout is 2147483648. Set it to'],
    [{ timeout: '3s' }, 'timeout is "3s". Set it to'],
    [{ maxAge: -1 }, 'maxAge is -1. Set it to a number of milliseconds, 0 or more'],
    [{ maxAge: Number.NaN }, 'maxAge is NaN.'],
    [{ concurrency: 0 }, 'concurrency is 0. Set it to a whole number'],
    [{ concurrency: 1.5 }, 'concurrency is 1.5.'],
    [{ refresh: 'always' }, `refresh is "always". Set it to 'scrape' or 'bootstrap'`],
    [
      { registry: {} },
      'registry is an object of Object. Pass a prom-client compatible registry; this one has no metrics()',
    ],
    [{ registry: null }, 'registry is null. Pass a prom-client'],
    [{ exportMigrations: 'yes' }, 'exportMigrations is "yes". Set it to true, false or a function'],
    [{ defaultMetrics: 'yes' }, 'defaultMetrics is "yes". Set it to true, false'],
    [{ exclude: 'default' }, `exclude is "default". Pass an array of aliases, as in ['default']`],
    [{ dataSources: [] }, 'dataSources is an array. Pass an object'],
    [{ endpoint: '/x' }, 'endpoint is not an option. Known are: namespace, prefix'],
    [{ port: 99_999 }, 'port is 99999. Set it to a whole number from 0 (any free port) to 65535.'],
    [{ port: '9100' }, 'port is "9100". Set it to'],
    [{ port: -1 }, 'port is -1.'],
    [{ portRange: [8050, 8001] }, 'portRange is [8050, 8001]. Set it to [first, last]'],
    [{ portRange: [8001] }, 'portRange is [8001].'],
    [{ portRange: ['8001', '8050'] }, 'portRange is an array.'],
    [{ portRange: '8001-8050' }, 'portRange is "8001-8050". Set it to [first, last]'],
    [{ portRange: [0, 10] }, 'portRange is [0, 10].'],
    [{ address: '' }, 'address is "". Set it to an address'],
    [[], 'the options is an array. Pass an object'],
  ])('refuses %o, naming option, value and fix', (options, message) => {
    expect(() => resolve(options)).toThrow(InvalidOptionError);
    expect(() => resolve(options)).toThrow(`PrometheusMigrationsModule: ${message}`);
  });

  it('names the variable that is at fault', () => {
    expect(() => resolve({}, { PROMETHEUS_EXPORT_MIGRATIONS: 'maybe' })).toThrow(
      'PROMETHEUS_EXPORT_MIGRATIONS is "maybe". Set it to true or false.',
    );
    expect(() => resolve({}, { PROMETHEUS_EXPORT_MIGRATIONS: 'constructor' })).toThrow(
      'Set it to true or false',
    );
    expect(() => resolve({}, { PROMETHEUS_METRIC_NAMESPACE: 'a-b' })).toThrow(
      'PROMETHEUS_METRIC_NAMESPACE is "a-b".',
    );
  });

  it('reads the port of its own from the environment', () => {
    expect(
      resolve({}, { PROMETHEUS_METRICS_EXPORT_PORT: '9100', PROMETHEUS_METRICS_EXPORT_ADDRESS: '::' }),
    ).toMatchObject({ port: 9100, address: '::' });
    expect(resolve({}, { PROMETHEUS_METRICS_EXPORT_PORT_RANGE: '8001-8050' })).toMatchObject({
      portRange: [8001, 8050],
    });
  });

  it.each([
    ['cache_db', ['cache_db']],
    [' cache_db , user_data ,', ['cache_db', 'user_data']],
    [',', []],
  ])('leaves out the connections of PROMETHEUS_MIGRATIONS_EXCLUDE=%s', (text, exclude) => {
    const environment = { PROMETHEUS_MIGRATIONS_EXCLUDE: text };
    expect(resolve({}, environment)).toMatchObject({ exclude });
    expect(resolve({ exclude: ['own'] }, environment)).toMatchObject({ exclude: ['own'] });
  });

  it('does not parse a variable that an option overrides', () => {
    const environment = {
      PROMETHEUS_METRIC_NAMESPACE: 'a-b',
      PROMETHEUS_EXPORT_MIGRATIONS: 'maybe',
      PROMETHEUS_METRICS_EXPORT_ADDRESS: ' ',
    };
    const own = { namespace: 'shop', exportMigrations: true, address: '::1' };
    expect(resolve(own, environment)).toMatchObject(own);
  });

  it("prefers an explicit port to the environment's range, as a group", () => {
    const environment = {
      PROMETHEUS_METRICS_EXPORT_PORT: 'not even looked at',
      PROMETHEUS_METRICS_EXPORT_PORT_RANGE: '8001-8050',
    };
    expect(resolve({ port: 9100 }, environment)).toMatchObject({ port: 9100, portRange: undefined });
    expect(resolve({ portRange: [1, 2] }, environment)).toMatchObject({ port: undefined, portRange: [1, 2] });
  });

  it.each([
    ['PROMETHEUS_METRICS_EXPORT_PORT', '99999'],
    ['PROMETHEUS_METRICS_EXPORT_PORT', '0x50'],
    ['PROMETHEUS_METRICS_EXPORT_PORT_RANGE', '8001'],
    ['PROMETHEUS_METRICS_EXPORT_PORT_RANGE', '8050-8001'],
    ['PROMETHEUS_METRICS_EXPORT_PORT_RANGE', '8001-99999'],
  ])('refuses %s=%s', (variable, value) => {
    expect(() => resolve({}, { [variable]: value })).toThrow(`${variable} is "${value}". Set it to`);
  });

  it('refuses what is no DataSource', () => {
    expect(() => resolve({ dataSources: { reports: { query() {} } } })).toThrow(NotADataSourceError);
    expect(() => resolve({ dataSources: { reports: 'postgres://user:secret@host/db' } })).toThrow(
      /PrometheusMigrationsModule: dataSources: "reports" is a string, which is no TypeORM DataSource\. Pass the instance/,
    );
    expect(() =>
      resolve({ dataSources: { '': new DataSource({ type: 'better-sqlite3', database: ':memory:' }) } }),
    ).toThrow('dataSources is an object of Object. Give each DataSource a name that is not empty.');
    expect(() => resolve({ dataSources: { a: {} } })).toThrow('dataSources: "a" is an object of Object');
  });

  it.each([
    { url: 'postgres://user:secret@host/db' },
    { dataSource: { password: 'secret' } },
    { dataSources: { default: 'postgres://user:secret@host/db' } },
    { registry: { options: { password: 'secret' } } },
  ])('shows no password of a misplaced value: %#', (options) => {
    let thrown: unknown;
    try {
      resolve(options);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(Error);
    expect(inspect(thrown, { depth: 9 })).not.toContain('secret@');
    expect(inspect(thrown, { depth: 9 })).not.toContain("'secret'");
  });

  it('takes a prefix that begins with a digit behind a namespace', () => {
    expect(resolve({ namespace: 'shop', prefix: '2nd' }).prefix).toBe('2nd');
  });
});

describe('resolveExporterOptions', () => {
  it('knows the options of the exporter only', () => {
    const registry = new Registry();
    expect(resolveExporterOptions({ registry }, { PROMETHEUS_METRIC_NAMESPACE: 'shop' })).toMatchObject({
      registry,
      namespace: 'shop',
    });
    expect(() => resolveExporterOptions({ path: '/metrics' } as object, {})).toThrow(
      'path is not an option. Known are',
    );
  });
});
