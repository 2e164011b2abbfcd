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
    const { port, portRange, address } = this.options;
    if (portRange !== undefined) {
      const [first, last] = portRange;
      for (let candidate = first; candidate <= last; candidate += 1) {
        if (await this.listen(candidate)) return;
      }
      logger.warn(
        `No port from ${first} to ${last} on ${address} is free. The metrics have no port of their own: widen portRange.`,
      );
    } else if (port !== undefined && !(await this.listen(port))) {
      this.yield(port, hasHttp);
    }
  }

  /** Stops listening at once; resolves when the scrapes in flight are answered. */
  async close(): Promise<void> {
    this.isClosing = true;
    open.delete(this);
    await this.server?.close();
  }

  /** Another process has the port, or another module of this one, which gives it back when it closes. */
  private yield(port: number, hasHttp: boolean): void {
    const { address, registry } = this.options;
    const owner = [...open].find(({ server }) => server?.port === port);
    if (owner === undefined && hasHttp) throw new PortInUseError(address, port);
    void owner?.server?.closed.then(() => this.takeOver(port));
    // The same registry: its owner serves these metrics as well.
    if (owner?.options.registry === registry) return;
    logger.warn(
      `Port ${port} on ${address} is in use${owner === undefined ? '' : ' by another PrometheusMigrationsModule of this process'}. ` +
        'The metrics have no port of their own: set port to another, or use portRange.',
    );
  }

  private async takeOver(port: number): Promise<void> {
    try {
      if (!this.isClosing) await this.listen(port);
    } catch (error) {
      logger.error(`The metrics port could not be opened (${nameOfError(error)}).`);
    }
  }

  /** @returns whether the port was free */
  private async listen(port: number): Promise<boolean> {
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
      if (code === 'EADDRINUSE' || (code === 'EACCES' && portRange !== undefined)) return false;
      throw bindError(code, port, address);
    }
    this.server = server;
    open.add(this);
    if (this.isClosing) await this.close();
    else logger.log(`Metrics are served on ${server.url}`);
    return true;
  }
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
