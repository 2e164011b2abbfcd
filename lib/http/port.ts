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
/** Those that found their port taken by another of this process, in the order in which they asked. */
const waiting = new Set<MetricsPort>();
let handingOver = Promise.resolve();

/** One at a time: whoever has taken a port is not asked again. */
function handOver(): Promise<void> {
  handingOver = handingOver.then(async () => {
    for (const port of [...waiting]) await port.takeOver();
  });
  return handingOver;
}

/**
 * The metrics' own port, if the options name one.
 *
 * A range of which no port is free is a warning, as in django-prometheus. A single port in use is an
 * error, but a warning in an application without HTTP (`createApplicationContext`), which may be a
 * command that runs while the application holds the port; and if another module of this process has it.
 */
export class MetricsPort {
  private server: PageServer | undefined;
  private isClosing = false;

  /** @param pages - what it serves, the metrics first */
  constructor(
    private readonly options: PortOptions,
    private readonly pages: readonly [Page, ...Page[]],
  ) {}

  /**
   * @param hasHttp - whether the application has an HTTP server of its own
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
    // The same registry: its owner serves these metrics as well.
    if (owner?.options.registry === registry) return;
    logger.warn(
      `Port ${port} on ${address} is in use${owner === undefined ? '' : ' by another PrometheusMigrationsModule of this process'}. ` +
        'The metrics have no port of their own: set port to another, or use portRange.',
    );
  }

  /** Stops listening at once, for the next in line; resolves when the scrapes in flight are answered. */
  async close(): Promise<void> {
    this.isClosing = true;
    waiting.delete(this);
    const closed = this.server?.close();
    if (open.delete(this)) await handOver();
    await closed;
  }

  /** Another module of this process has closed, which may have had the port. */
  async takeOver(): Promise<void> {
    try {
      if (waiting.has(this) && (await this.take()) === undefined) waiting.delete(this);
    } catch (error) {
      logger.error(`The metrics port could not be opened (${nameOfError(error)}).`);
    }
  }

  /** The first and the last port that will do. */
  private ports(): readonly [number, number] {
    const { port = 0, portRange = [port, port] } = this.options;
    return portRange;
  }

  /** @returns Why no port could be taken; `undefined` if one was, or none is wanted. */
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

  /** @returns Why the port could not be taken, if it could not. */
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
    else logger.log(`Metrics are served on ${server.url}`);
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
    ? `This process may bind no port ${ports} (EACCES). ${none} ${fix}`
    : `Of the ports ${ports}, ${taken} of ${refusals.length} are in use, and this process may not bind the others (EACCES). ${none} ${fix}`;
}

/** Our own errors name the mistake and the fix. */
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
