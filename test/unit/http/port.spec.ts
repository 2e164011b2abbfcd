import { createServer, Server } from 'node:http';
import { Logger } from '@nestjs/common';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MetricsPort } from '../../../lib/http/port';
import { freePort } from '../../support/free-port';
import { RecordingLogger } from '../../support/logs';

type Options = ConstructorParameters<typeof MetricsPort>[0];

describe('MetricsPort', () => {
  const logger = new RecordingLogger();
  const opened: MetricsPort[] = [];

  beforeEach(() => {
    logger.lines.length = 0;
    Logger.overrideLogger(logger);
  });
  afterEach(async () => {
    for (const port of opened.splice(0)) await port.close();
    Logger.overrideLogger(undefined as never);
  });

  /** A module's port, whose page says which module it is. */
  async function open(name: string, options: Partial<Options>): Promise<MetricsPort> {
    const port = new MetricsPort({ address: '127.0.0.1', registry: new Registry(), ...options }, [
      {
        path: '/metrics',
        title: '',
        what: 'Metrics are',
        failure: '',
        answer: async () => ({ status: 200, contentType: 'text/plain', body: name }),
      },
    ]);
    opened.push(port);
    await port.open(true);
    return port;
  }

  const servedBy = async (port: number) =>
    fetch(`http://127.0.0.1:${port}/metrics`).then(
      (response) => response.text(),
      () => 'nobody',
    );

  it('is served by the next in line, in whatever order the modules close', async () => {
    const port = await freePort();
    const [first, second, third, fourth] = [
      await open('first', { port }),
      await open('second', { port, address: '0.0.0.0' }),
      await open('third', { port, address: 'localhost' }),
      await open('fourth', { portRange: [port, port] }),
    ];
    expect(await servedBy(port)).toBe('first');
    await second.close();
    expect(await servedBy(port)).toBe('first');
    await first.close();
    expect(await servedBy(port)).toBe('third');
    await third.close();
    expect(await servedBy(port)).toBe('fourth');
    await fourth.close();
    expect(await servedBy(port)).toBe('nobody');
  });

  it('passes over a module that closes at the same time', async () => {
    const port = await freePort();
    const [first, second] = [await open('first', { port }), await open('second', { port })];
    await open('third', { port });
    await Promise.all([first.close(), second.close()]);
    expect(await servedBy(port)).toBe('third');
  });

  it('is one port for each module in line', async () => {
    const port = await freePort();
    const first = await open('first', { portRange: [port, port] });
    const other = await freePort();
    const second = await open('second', { port: other });
    await open('third', { port });
    await open('fourth', { port: other });
    await Promise.all([first.close(), second.close()]);
    expect([await servedBy(port), await servedBy(other)]).toEqual(['third', 'fourth']);
  });

  describe.runIf(process.getuid?.() === 0)('in a process without privilege', () => {
    const NOBODY = 65_534;
    let taken: Server;
    const PORT = 900;

    beforeEach(async () => {
      taken = createServer();
      await new Promise<void>((resolve) => taken.listen(PORT, '127.0.0.1', resolve));
      process.seteuid?.(NOBODY);
    });
    afterEach(async () => {
      process.seteuid?.(0);
      await new Promise((resolve) => taken.close(resolve));
    });

    it('says that a range may not be bound', async () => {
      await open('', { portRange: [PORT + 1, PORT + 3] });
      expect(logger.lines).toEqual([
        'warn This process may not bind a port from 901 to 903 on 127.0.0.1 (EACCES). The metrics have no port of their own: ' +
          'set portRange to ports above 1023, or let the process bind these.',
      ]);
    });

    it('refuses a single one', async () => {
      await expect(open('', { port: PORT + 1 })).rejects.toThrow('which this process may not bind (EACCES)');
    });

    it('takes the first that it may bind, of a range that begins below', async () => {
      await open('served', { portRange: [1023, 1060] });
      expect(logger.lines.join()).toMatch(
        /^log Metrics are served on http:\/\/127\.0\.0\.1:10[2-6]\d\/metrics$/,
      );
    });
  });

  it('says so if some of a range are in use, and the others may not be bound', async () => {
    const port = await freePort();
    await open('first', { port });
    forbid(port + 1);
    await open('second', { portRange: [port, port + 1] });
    vi.restoreAllMocks();
    expect(logger.lines.at(-1)).toBe(
      `warn Of the ports from ${port} to ${port + 1} on 127.0.0.1, 1 of 2 are in use, and this process may not bind the others (EACCES). ` +
        'The metrics have no port of their own: set portRange to ports above 1023, or let the process bind these.',
    );
  });

  function forbid(forbidden: number): void {
    const listen = Server.prototype.listen as (this: Server, ...rest: unknown[]) => Server;
    vi.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server, ...rest: unknown[]) {
      const [{ port }] = rest as [{ port: number }];
      if (port !== forbidden) return listen.apply(this, rest);
      setImmediate(() => this.emit('error', Object.assign(new Error('listen EACCES'), { code: 'EACCES' })));
      return this;
    });
  }
});
