import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import Module from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as promClient from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type * as Client from '../../../lib/prometheus/client';

/** The successor, as far as the choice is concerned. */
const successor = {
  register: new promClient.Registry(),
  Registry: class SuccessorRegistry {},
  Gauge: class SuccessorGauge {},
};
const packages: Readonly<Record<string, unknown>> = {
  'prom-client': promClient,
  '@prometheus-io/client': successor,
};

const loader = Module as unknown as { _load(request: string, ...rest: unknown[]): unknown };
const load = loader._load.bind(loader);

/** The file as it is loaded where these packages are installed, and no others of the clients. */
function withInstalled(...installed: string[]): Promise<typeof Client> {
  vi.spyOn(loader, '_load').mockImplementation((request, ...rest) => {
    if (!(request in packages)) return load(request, ...rest);
    if (installed.includes(request)) return packages[request];
    throw Object.assign(new Error(`Cannot find module '${request}'`), { code: 'MODULE_NOT_FOUND' });
  });
  return import('../../../lib/prometheus/client.js');
}

beforeEach(() => vi.resetModules());
afterEach(() => vi.restoreAllMocks());

describe('the client', () => {
  it('is prom-client where it alone is installed', async () => {
    const { clientOf, registryOf } = await withInstalled('prom-client');
    expect(registryOf(undefined)).toBe(promClient.register);
    expect(clientOf(promClient.register).Gauge).toBe(promClient.Gauge);
  });

  it('is the successor where it alone is installed', async () => {
    const { clientOf, registryOf } = await withInstalled('@prometheus-io/client');
    expect(registryOf(undefined)).toBe(successor.register);
    expect(clientOf(successor.register).Gauge).toBe(successor.Gauge);
  });

  it('is prom-client where both are installed and the registry is of neither', async () => {
    const { clientOf, registryOf } = await withInstalled('prom-client', '@prometheus-io/client');
    expect(registryOf(undefined)).toBe(promClient.register);
    expect(clientOf({} as promClient.Registry).Gauge).toBe(promClient.Gauge);
  });

  it('says why one that is installed cannot be loaded, if there is no other', async () => {
    const broken = new SyntaxError('broken');
    const { registryOf } = await withInstalled();
    vi.spyOn(loader, '_load').mockImplementation((request, ...rest) => {
      if (request === 'prom-client') throw broken;
      if (request in packages) throw Object.assign(new Error('missing'), { code: 'MODULE_NOT_FOUND' });
      return load(request, ...rest);
    });
    expect(() => registryOf(undefined)).toThrow(broken);
  });

  it.each([
    ['prom-client', new promClient.Registry(), promClient.Gauge],
    ['prom-client, of its AggregatorRegistry', new promClient.AggregatorRegistry(), promClient.Gauge],
    ['the successor', new successor.Registry() as promClient.Registry, successor.Gauge],
  ])('is the one that the registry is of: %s', async (_name, registry, gauge) => {
    const { clientOf } = await withInstalled('prom-client', '@prometheus-io/client');
    expect(clientOf(registry).Gauge).toBe(gauge);
  });

  it('is missed when it is needed, and not before', async () => {
    const { clientOf, registryOf } = await withInstalled();
    const message =
      'No Prometheus client is installed. Run `npm install prom-client`, or `npm install @prometheus-io/client` with Node.js 22 or later.';
    expect(() => registryOf(undefined)).toThrow(message);
    expect(() => clientOf(promClient.register)).toThrow(`${process.cwd()}/package.json`);
  });
});

describe('of a workspace, where this package finds no client or another copy', () => {
  const copy = { ...promClient, register: new promClient.Registry(), Registry: class Copy {} };

  /** The application has a copy of its own; this package finds what is given. */
  function withApplications(own: unknown): Promise<typeof Client> {
    vi.spyOn(loader, '_load').mockImplementation((request, ...rest) => {
      if (!(request in packages)) return load(request, ...rest);
      const parent = (rest[0] as { filename?: string } | undefined)?.filename ?? '';
      const isApplication = !parent.includes('/lib/prometheus/');
      if (request === 'prom-client' && (isApplication || own !== undefined))
        return isApplication ? copy : own;
      throw Object.assign(new Error(`Cannot find module '${request}'`), { code: 'MODULE_NOT_FOUND' });
    });
    return import('../../../lib/prometheus/client.js');
  }

  it.each([
    ['no client', undefined],
    ['another copy', promClient],
  ])("the default is the application's: %s", async (_what, own) => {
    const { registryOf } = await withApplications(own);
    expect(registryOf(undefined)).toBe(copy.register);
  });

  it('a registry has the client of its own copy', async () => {
    const { clientOf } = await withApplications(promClient);
    expect(clientOf(promClient.register).Registry).toBe(promClient.Registry);
    expect(clientOf(new copy.Registry() as promClient.Registry).Registry).toBe(copy.Registry);
  });
});

describe('of a workspace whose test runner is in another folder than the application', () => {
  const [, script] = process.argv as [string, string];
  let root: string;

  /** A copy of prom-client in a folder, and who finds it. */
  function install(folder: string): NodeJS.Require {
    const place = join(root, folder, 'node_modules/prom-client');
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'index.js'), 'exports.register = {}; exports.Registry = class {};');
    return Module.createRequire(join(root, folder, 'main.js'));
  }

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'workspace-'));
    process.argv[1] = join(root, 'node_modules/.bin/runner');
    vi.spyOn(process, 'cwd').mockReturnValue(join(root, 'apps/orders'));
  });

  afterEach(() => {
    process.argv[1] = script;
    rmSync(root, { recursive: true });
  });

  it.each([['the application', 'apps/orders'] as const, ['the runner', '.'] as const])(
    'the default is of the copy that is in use: that of %s',
    async (_whose, folder) => {
      const finders = { '.': install('.'), 'apps/orders': install('apps/orders') };
      const { register } = finders[folder]('prom-client') as typeof promClient;
      const { registryOf } = await import('../../../lib/prometheus/client.js');
      expect(registryOf(undefined)).toBe(register);
    },
  );

  it('the default is of the one that the script finds if none is in use, and a registry has its own', async () => {
    const [runner, application] = [install('.'), install('apps/orders')];
    const { clientOf, registryOf } = await import('../../../lib/prometheus/client.js');
    expect(registryOf(undefined)).toBe((runner('prom-client') as typeof promClient).register);
    const own = application('prom-client') as typeof promClient;
    expect(clientOf(new own.Registry())).toBe(own);
  });
});

describe('the warning of two clients', () => {
  async function warnings(installed: string[], ...registries: (promClient.Registry | undefined)[]) {
    const { checkChoice } = await withInstalled(...installed);
    const { logger: current } = await import('../../../lib/logger.js');
    const warn = vi.spyOn(current, 'warn').mockReturnValue(undefined);
    for (const registry of registries) checkChoice(registry);
    return warn.mock.calls.map(([message]) => message);
  }

  it('is given once where both are installed and no registry is set', async () => {
    expect(await warnings(Object.keys(packages), undefined, undefined)).toEqual([
      "prom-client and @prometheus-io/client are both installed: the metrics are in prom-client's default registry, and " +
        'the other client does not show them. Set the option registry to the registry that your application serves.',
    ]);
  });

  it.each([
    ['a registry is set', Object.keys(packages), promClient.register],
    ['one is installed', ['prom-client'], undefined],
    ['none is installed', [], undefined],
  ])('is not given where %s', async (_when, installed, registry) => {
    expect(await warnings(installed, registry)).toEqual([]);
  });
});
