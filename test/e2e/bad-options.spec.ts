import { createServer, Server } from 'node:net';
import { Gauge, Registry } from 'prom-client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  InvalidOptionError,
  NotADataSourceError,
  PrometheusMigrationsModule,
  type PrometheusMigrationsModuleOptions,
} from '../../lib';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { defineMigrations } from '../support/migrations';
import { PLATFORM_NAMES, PLATFORMS } from '../support/platforms';

afterEach(async () => {
  vi.restoreAllMocks();
  await closeApplications();
});

const REFUSED = 'PrometheusMigrationsModule: ';

describe.each(PLATFORM_NAMES)('a value that only the start can judge, on %s', (platform) => {
  const registry = new Registry();
  const start = (options: PrometheusMigrationsModuleOptions) =>
    startApplication(
      {
        imports: [
          sqliteModule(defineMigrations(1)),
          PrometheusMigrationsModule.forRoot({ registry, ...options }),
        ],
      },
      undefined,
      PLATFORMS[platform],
    );
  async function refusal(options: PrometheusMigrationsModuleOptions): Promise<string> {
    const error: unknown = await start(options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(registry.getMetricsAsArray()).toEqual([]);
    return (error as Error).message;
  }

  it.each([
    ['192.0.2.1', 'EADDRNOTAVAIL'],
    ['nowhere.invalid', 'ENOTFOUND'],
    ['not an address', 'ENOTFOUND'],
  ])('an address that cannot be bound: %s', async (address, code) => {
    for (const options of [{ port: 0 }, { portRange: [20_000, 20_001] as const }]) {
      expect(await refusal({ address, ...options })).toMatch(
        new RegExp(
          `^${REFUSED}address is "${address}", which cannot be bound \\((${code}|EAI_AGAIN)\\)\\. Set it to an address of this machine`,
        ),
      );
    }
  });

  describe('ports that this process may not bind', () => {
    /** As the system does for others than root. */
    function forbidPorts(...ports: number[]) {
      const listen = Server.prototype.listen as (this: Server, ...rest: unknown[]) => Server;
      vi.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server, ...rest: unknown[]) {
        const [options] = rest as [{ port?: number }];
        if (!ports.includes(options.port ?? -1)) return listen.apply(this, rest);
        const error = Object.assign(new Error('listen EACCES'), { code: 'EACCES' });
        setImmediate(() => this.emit('error', error));
        return this;
      });
    }

    it('a single one is an error', async () => {
      forbidPorts(80);
      expect(await refusal({ port: 80 })).toBe(
        `${REFUSED}port is 80, which this process may not bind (EACCES). Set it to a port above 1023, or let the process bind it.`,
      );
    });

    it('of a range, the next one is taken', async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const { port } = server.address() as { port: number };
      await new Promise((resolve) => server.close(resolve));
      forbidPorts(port - 1);
      const { logger } = await start({ portRange: [port - 1, port] });
      expect(logger.lines).toContain(`log Metrics are served on http://127.0.0.1:${port}/metrics`);
    });
  });

  it('default metrics that the client refuses: nothing is left behind', async () => {
    expect(await refusal({ defaultMetrics: { labels: { 'not a label': 'x' } } })).toMatch(
      new RegExp(
        `^${REFUSED}defaultMetrics is \\{ labels: … \\}, which the Prometheus client refuses \\(.+\\)\\. Correct`,
      ),
    );
  });

  it('default metrics of which somebody else has one', async () => {
    const theirs = new Gauge({ name: 'nodejs_version_info', help: 'theirs', registers: [registry] });
    const error: unknown = await start({ defaultMetrics: true }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect((error as Error).message).toMatch(
      /^PrometheusMigrationsModule: defaultMetrics is true, .*nodejs_version_info/,
    );
    expect(registry.getMetricsAsArray()).toEqual([theirs]);
    registry.clear();
  });
});

describe('a value that forRoot can judge', () => {
  it.each(['my-app_', '9', ' '])('a prefix of the default metrics that Prometheus refuses: %j', (prefix) => {
    expect(() => PrometheusMigrationsModule.forRoot({ defaultMetrics: { prefix } })).toThrow(
      `${REFUSED}defaultMetrics.prefix is ${JSON.stringify(prefix)}. Prometheus wants letters`,
    );
  });

  it('dataSources that are none: the option is named', () => {
    const forRoot = () => PrometheusMigrationsModule.forRoot({ dataSources: { a: {} as never } });
    expect(forRoot).toThrow(NotADataSourceError);
    expect(forRoot).toThrow(
      `${REFUSED}dataSources: "a" is {}, which is not a TypeORM DataSource. Pass the instance`,
    );
  });
});
