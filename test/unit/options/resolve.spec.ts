import { inspect } from 'node:util';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { InvalidOptionError, NotADataSourceError } from '../../../lib/prometheus-migrations.errors';
import { EXPORTER_OPTIONS, POLICY_OPTIONS } from '../../../lib/options/option.table';
import { resolveModuleOptions } from '../../../lib/options/module-options';
import { resolve as resolveOptions } from '../../../lib/options/resolve';

const resolve = (options: object | null = {}, environment: Record<string, string> = {}) =>
  resolveModuleOptions(options as object, environment);

describe('the options of the module', () => {
  it('has a default for everything', () => {
    expect(resolve()).toEqual({
      exportMigrations: true,
      namespace: undefined,
      prefix: 'typeorm',
      registry: undefined,
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
    [{ defaultMetrics: { prefix: 'my-app_' } }, 'defaultMetrics.prefix is "my-app_". Prometheus wants'],
    [null, 'the options is null. Pass an object'],
    [{ onUnapplied: true }, "onUnapplied is true. Set it to 'ignore', 'warn' or 'fail'."],
    [{ onUnreadable: 'stop' }, 'onUnreadable is "stop". Set it to'],
    [{ waitFor: 5000 }, 'waitFor is 5000. Set it to { timeout, interval }'],
    [{ waitFor: null }, 'waitFor is null. Set it to { timeout, interval }'],
    [{ waitFor: {} }, 'waitFor.timeout is not set. Set it to a number of milliseconds'],
    [{ waitFor: { timeout: 5000 } }, 'waitFor.interval is not set. Set it to a number of milliseconds'],
    [
      { waitFor: { timeout: '5m', interval: 100 } },
      'waitFor.timeout is "5m". Set it to a number of milliseconds',
    ],
    [
      { waitFor: { timeout: 5000, interval: 0 } },
      'waitFor.interval is 0. Set it to a number of milliseconds, more than 0',
    ],
    [
      { waitFor: { timeout: 5000, interval: 100, retries: 3 } },
      'waitFor.retries is not an option. Use one of: waitFor.timeout, waitFor.interval.',
    ],
    [
      { waitFor: { timeuot: 5000, interval: 100 } },
      'waitFor.timeuot is not an option. Did you mean waitFor.timeout?',
    ],
    [{ readiness: true }, 'readiness is true. Set it to an object, as in { path'],
    [{ readiness: null }, 'readiness is null. Set it to an object'],
    [{ readiness: '/readyz' }, 'readiness is "/readyz". Set it to an object'],
    [{ readiness: Promise.resolve({}) }, 'readiness is an object of Promise. Set it to an object'],
    [{ readiness: new Map([['once', true]]) }, 'readiness is an object of Map. Set it to an object'],
    [{ readiness: { path: 'readyz' } }, 'readiness.path is "readyz". Begin it with a slash'],
    [{ readiness: { path: false } }, 'readiness.path is false. Begin it with a slash'],
    [{ readiness: { onec: true } }, 'readiness.onec is not an option. Did you mean readiness.once?'],
    // The name of the option around it is no likeness.
    [
      { readiness: { xyz: 1 } },
      'readiness.xyz is not an option. Use one of: readiness.path, readiness.allow',
    ],
    [{ readiness: { timeout: 1 } }, 'readiness.timeout is not an option. Use one of: readiness.path,'],
    [
      { readiness: { reconnections: [] } },
      'readiness.reconnections is not an option. Did you mean readiness.connections?',
    ],
    [{ waitFor: { retry: 1 } }, 'waitFor.retry is not an option. Use one of: waitFor.timeout'],
    [
      { readiness: { allowUnapplied: Object.create(Object.create(null) as object) as object } },
      'readiness.allowUnapplied is {}. Set it to a whole number',
    ],
    [
      { readiness: { once: Object.create({ constructor: 'no' }) as object } },
      'readiness.once is {}. Set it to true or false.',
    ],
    [{ onUnaplied: 'fail' }, 'onUnaplied is not an option. Did you mean onUnapplied?'],
    [{ maxage: 5 }, 'maxage is not an option. Did you mean maxAge?'],
    [
      { defaultMetrics: { prefix: { text: 'a' } } },
      'defaultMetrics.prefix is { text: … }. Prometheus wants letters',
    ],
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
    [{ registry: {} }, 'registry is {}. Pass a prom-client compatible registry; this one has no metrics()'],
    [{ registry: null }, 'registry is null. Pass a prom-client'],
    [{ exportMigrations: 'yes' }, 'exportMigrations is "yes". Set it to true, false or a function'],
    [{ defaultMetrics: 'yes' }, 'defaultMetrics is "yes". Set it to true, false'],
    [{ exclude: 'default' }, `exclude is "default". Pass an array of aliases, as in ['default']`],
    [{ dataSources: [] }, 'dataSources is []. Pass an object'],
    [{ endpoint: '/x' }, 'endpoint is not an option. Use one of: namespace, prefix'],
    [{ port: 99_999 }, 'port is 99999. Set it to a whole number from 0 (any free port) to 65535.'],
    [{ port: '9100' }, 'port is "9100". Set it to'],
    [{ port: -1 }, 'port is -1.'],
    [{ portRange: [8050, 8001] }, 'portRange is [8050, 8001]. Set it to [first, last]'],
    [{ portRange: [8001] }, 'portRange is [8001].'],
    [{ portRange: ['8001', '8050'] }, 'portRange is ["8001", "8050"].'],
    [{ portRange: '8001-8050' }, 'portRange is "8001-8050". Set it to [first, last]'],
    [{ portRange: [0, 10] }, 'portRange is [0, 10].'],
    [{ address: '' }, 'address is "". Set it to an address'],
    [[], 'the options is []. Pass an object'],
  ])('refuses %o, naming option, value and fix', (options, message) => {
    expect(() => resolve(options)).toThrow(InvalidOptionError);
    expect(() => resolve(options)).toThrow(`PrometheusMigrationsModule: ${message}`);
  });

  const circular: Record<string, unknown> = {};
  circular['again'] = circular;
  it.each([
    ['once', 1, 'is 1. Set it to true or false'],
    ['once', 'true', 'is "true". Set it to true or false'],
    ['allowUnknown', 'false', 'is "false". Set it to true or false'],
    ['allowOutOfOrder', null, 'is null. Set it to true or false'],
    ['allowUnapplied', Number.NaN, 'is NaN. Set it to a whole number'],
    ['allowUnapplied', -1, 'is -1. Set it to a whole number'],
    ['allowUnapplied', 1.5, 'is 1.5. Set it to a whole number'],
    ['allowUnapplied', Infinity, 'is Infinity. Set it to a whole number'],
    ['allowUnapplied', '2', 'is "2". Set it to a whole number'],
    ['allowUnapplied', 2n, 'is 2n. Set it to a whole number'],
    ['allowUnapplied', null, 'is null. Set it to a whole number'],
    ['allowUnapplied', [2], 'is [2]. Set it to a whole number'],
    ['allowUnapplied', Symbol('two'), 'is Symbol(two). Set it to a whole number'],
    ['allowUnapplied', () => 2, 'is the function (anonymous). Set it to a whole number'],
    ['whenUnreadable', 'up', `is "up". Set it to 'down' or 'last'`],
    ['whenUnreadable', circular, `is { again: … }. Set it to 'down' or 'last'`],
    ['connections', [], 'is []. Pass an array of at least one alias'],
    ['connections', 'default', 'is "default". Pass an array'],
    ['connections', ['default', 5], 'is ["default", 5]. Pass an array'],
    ['connections', [''], 'is [""]. Pass an array'],
    ['connections', new Array<string>(1), 'is []. Pass an array'],
    ['connections', new Set(['default']), 'is an object of Set. Pass an array'],
    ['connections', [{}, [], null, 1, 2, 3], 'is […, …, null, 1, 2, …]. Pass an array'],
  ])('refuses a policy with %s: %s, as an option and by a call', (option, value, message) => {
    expect(() => resolve({ readiness: { [option]: value } })).toThrow(InvalidOptionError);
    expect(() => resolve({ readiness: { [option]: value } })).toThrow(`readiness.${option} ${message}`);
    expect(() => resolveOptions(POLICY_OPTIONS, { [option]: value }, {}, { parent: 'policy' })).toThrow(
      `policy.${option} ${message}`,
    );
  });

  it('takes what it has looked at: a value that changes is read once', () => {
    let reads = 0;
    const policy = {
      get allowUnapplied() {
        reads += 1;
        return reads > 2 ? Number.NaN : 2;
      },
    };
    const { readiness } = resolve({ readiness: policy });
    expect(readiness?.allowUnapplied).toBe(2);
    expect(readiness?.allowUnapplied).toBe(2);
  });

  it('takes the options of a class, whose getters are not its own', () => {
    class Readiness {
      readonly path = '/readyz';
      get once() {
        return true;
      }
    }
    expect(resolve({ readiness: new Readiness() }).readiness).toMatchObject({ path: '/readyz', once: true });
  });

  it('passes on what only the client knows of defaultMetrics', () => {
    const defaultMetrics = { labels: { app: 'shop' }, gcDurationBuckets: [0.1], ofTomorrow: true };
    expect(resolve({ defaultMetrics }).defaultMetrics).toEqual(defaultMetrics);
    expect(resolve({ defaultMetrics: true }).defaultMetrics).toBe(true);
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
      /PrometheusMigrationsModule: dataSources: "reports" is a string, which is not a TypeORM DataSource\. Pass the instance/,
    );
    expect(() =>
      resolve({ dataSources: { '': new DataSource({ type: 'better-sqlite3', database: ':memory:' }) } }),
    ).toThrow('dataSources is { "": … }. Give each DataSource a name that is not empty.');
    expect(() => resolve({ dataSources: { a: {} } })).toThrow('dataSources: "a" is {}, which');
  });

  it.each([
    { url: 'postgres://user:secret@host/db' },
    { dataSource: { password: 'secret' } },
    { dataSources: { default: 'postgres://user:secret@host/db' } },
    { registry: { options: { password: 'secret' } } },
    { dataSources: 'postgres://user:secret@host/db' },
    { dataSources: ['postgres://user:secret@host/db'] },
    { exclude: 'user:secret@tcp(host)/db' },
    { readiness: 'host=db password=secret@' },
    { readiness: { connections: { password: 'secret' } } },
    { defaultMetrics: { prefix: { password: 'secret' } } },
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

describe('the options of an exporter', () => {
  it('knows the options of the exporter only', () => {
    const registry = new Registry();
    expect(
      resolveOptions(EXPORTER_OPTIONS, { registry }, { PROMETHEUS_METRIC_NAMESPACE: 'shop' }),
    ).toMatchObject({
      registry,
      namespace: 'shop',
    });
    expect(() => resolveOptions(EXPORTER_OPTIONS, { path: '/metrics' }, {})).toThrow(
      'path is not an option. Use one of',
    );
  });
});
