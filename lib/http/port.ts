import { logger, nameOfError } from '../logger';
import type { ResolvedModuleOptions } from '../options/option.types';
import {
  InvalidOptionError,
  PortInUseError,
  PrometheusMigrationsError,
} from '../prometheus-migrations.errors';
import { type Page, PageServer } from './server';

type PortOptions = Pick<ResolvedModuleOptions, 'port' | 'portRange' | 'address' | 'registry'>;

/** Ports of this process that serve metrics. */
const open = new Set<MetricsPort>();
/** Ports waiting for another module of this process to release theirs, in order of request. */
const waiting = new Set<MetricsPort>();
let handingOver = Promise.resolve();

/** Offers a released port to the waiting ones, one at a time. */
function handOver(): Promise<void> {
  handingOver = handingOver.then(async () => {
    for (const port of [...waiting]) await port.takeOver();
  });
  return handingOver;
}

/**
 * The separate port for the metrics, if the options name one.
 *
 * A range without a free port is a warning, as in django-prometheus. A single port in use is an error. It is
 * only a warning if another module of this process has the port, or in an application without HTTP
 * (`createApplicationContext`): that may be a command that runs while the application holds the port.
 */
export class MetricsPort {
  private server: PageServer | undefined;
  private isClosing = false;

  /** @param pages - the pages to serve, the metrics first */
  constructor(
    private readonly options: PortOptions,
    private readonly pages: readonly [Page, ...Page[]],
  ) {}

  /**
   * @param hasHttp - whether the application has its own HTTP server
   * @throws {@link PortInUseError}
   * @throws {@link InvalidOptionError} if the address or the port cannot be bound
   */
  async open(hasHttp: boolean): Promise<void> {
    const refusals = await this.take();
    if (refusals === undefined) return;
    const { port, portRange, address, registry } = this.options;
    const [first, last] = this.ports();
    const owner = [...open].find(({ server }) => server && first <= server.port && server.port <= last);
    if (owner !== undefined) waiting.add(this);
    if (portRange !== undefined) {
      logger.warn(rangeRefused(portRange, address, refusals));
      return;
    }
    if (owner === undefined && hasHttp) throw new PortInUseError(address, first);
    // The owner serves the same registry, so it serves these metrics too.
    if (owner?.options.registry === registry) return;
    logger.warn(
      `Port ${port} on ${address} is in use${owner === undefined ? '' : ' by another PrometheusMigrationsModule of this process'}. ` +
        'The metrics have no port of their own: set port to another, or use portRange.',
    );
  }

  /** Stops listening at once and hands the port over. Resolves when the running scrapes are answered. */
  async close(): Promise<void> {
    this.isClosing = true;
    waiting.delete(this);
    const closed = this.server?.close();
    if (open.delete(this)) await handOver();
    await closed;
  }

  /** Tries again after another module of this process has closed. */
  async takeOver(): Promise<void> {
    try {
      if (waiting.has(this) && (await this.take()) === undefined) waiting.delete(this);
    } catch (error) {
      logger.error(`The metrics port could not be opened (${nameOfError(error)}).`);
    }
  }

  /** Returns the first and the last port to try. */
  private ports(): readonly [number, number] {
    const { port = 0, portRange = [port, port] } = this.options;
    return portRange;
  }

  /** @returns The reason for each port; `undefined` if one was taken or none is wanted. */
  private async take(): Promise<readonly Refusal[] | undefined> {
    if (this.options.port === undefined && this.options.portRange === undefined) return undefined;
    const [first, last] = this.ports();
    const refusals: Refusal[] = [];
    for (let port = first; port <= last && !this.isClosing; port += 1) {
      const refusal = await this.listen(port);
      if (refusal === undefined) return undefined;
      refusals.push(refusal);
    }
    return this.isClosing ? undefined : refusals;
  }

  /** @returns Why the port could not be taken; `undefined` if it was. */
  private async listen(port: number): Promise<Refusal | undefined> {
    const { address, portRange } = this.options;
    const server = new PageServer({
      address,
      pages: this.pages,
      onError: (error) => logger.error(`A scrape of the metrics port failed (${explain(error)}).`),
    });
    try {
      await server.listen(port, portRange !== undefined);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? nameOfError(error);
      if (code === 'EADDRINUSE' || (code === 'EACCES' && portRange !== undefined)) return code;
      throw bindError(code, port, address);
    }
    this.server = server;
    open.add(this);
    if (this.isClosing) await this.close();
    else for (const { what, path } of this.pages) logger.log(`${what} served on ${server.origin}${path}`);
    return undefined;
  }
}

type Refusal = 'EADDRINUSE' | 'EACCES';

function rangeRefused(
  [first, last]: readonly [number, number],
  address: string,
  refusals: readonly Refusal[],
): string {
  const ports = `from ${first} to ${last} on ${address}`;
  const none = 'The metrics have no port of their own:';
  if (!refusals.includes('EACCES')) return `No port ${ports} is free. ${none} widen portRange.`;
  const fix = 'set portRange to ports above 1023, or let the process bind these.';
  const taken = refusals.filter((refusal) => refusal === 'EADDRINUSE').length;
  return taken === 0
    ? `This process may not bind a port ${ports} (EACCES). ${none} ${fix}`
    : `Of the ports ${ports}, ${taken} of ${refusals.length} are in use, and this process may not bind the others (EACCES). ${none} ${fix}`;
}

/** Shows the message of our own errors only: it names the mistake and the fix. */
function explain(error: unknown): string {
  return error instanceof PrometheusMigrationsError ? error.message : nameOfError(error);
}

function bindError(code: string, port: number, address: string): InvalidOptionError {
  return code === 'EACCES'
    ? new InvalidOptionError(
        'port',
        `is ${port}, which this process may not bind (${code})`,
        'Set it to a port above 1023, or let the process bind it.',
      )
    : new InvalidOptionError(
        'address',
        `is ${JSON.stringify(address)}, which cannot be bound (${code})`,
        "Set it to an address of this machine, as '127.0.0.1', '0.0.0.0' or '::'.",
      );
}
