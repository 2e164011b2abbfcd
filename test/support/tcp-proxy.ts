import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** What a proxy does with connections and bytes. */
export type Fault =
  | 'none'
  /** Closes what is open and resets every new connection. */
  | 'cut'
  /** Closes what is open and does not listen: whoever connects gets ECONNREFUSED. */
  | 'refuse'
  /** Keeps connections open, accepts new ones, and passes nothing on: a black hole. */
  | 'stall'
  /** What is open stays open and silent for good; new connections work: a failover that nobody was told of. */
  | 'lose';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  lost: boolean;
}

/** A TCP proxy between an application and its database, for faults that a test can switch on and off. */
export class TcpProxy {
  /** ms for which each chunk from the server is held back from then on. */
  delay = 0;

  private fault: Fault = 'none';
  private readonly pairs = new Set<Pair>();

  private constructor(
    private listener: Server,
    private readonly port: number,
    private readonly target: { host: string; port: number },
  ) {
    listener.on('connection', (client) => this.accept(client));
  }

  /** @param url - of the database; {@link TcpProxy.url} is the same through the proxy */
  static async before(url: string, defaultPort: number): Promise<TcpProxy> {
    const { hostname, port } = new URL(url);
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return new TcpProxy(listener, (listener.address() as AddressInfo).port, {
      host: hostname,
      port: Number(port) || defaultPort,
    });
  }

  url(url: string): string {
    const through = new URL(url);
    through.hostname = '127.0.0.1';
    through.port = String(this.port);
    return through.href;
  }

  /** After `refuse` it takes a moment until connections are accepted again. */
  set(fault: Fault): void {
    if (fault === 'refuse') this.listener.close();
    else if (this.fault === 'refuse') this.listenAgain();
    this.fault = fault;
    for (const pair of this.pairs) {
      const { client, server } = pair;
      if (fault === 'lose') pair.lost = true;
      if (fault === 'cut' || fault === 'refuse') {
        client.resetAndDestroy();
        server.destroy();
      } else if (fault === 'stall' || pair.lost) {
        client.pause();
        server.pause();
      } else {
        client.resume();
        server.resume();
      }
    }
  }

  async close(): Promise<void> {
    this.set('cut');
    await new Promise((resolve) => this.listener.close(resolve));
  }

  private listenAgain(): void {
    this.listener = createServer((client) => this.accept(client)).listen(this.port, '127.0.0.1');
  }

  private accept(client: Socket): void {
    if (this.fault === 'cut' || this.fault === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.target);
    const pair = { client, server, lost: false };
    this.pairs.add(pair);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('error', () => {});
      from.on('close', () => {
        this.pairs.delete(pair);
        to.destroy();
      });
      if (this.fault === 'stall') from.pause();
    }
    client.on('data', (chunk) => server.write(chunk));
    let before = Promise.resolve();
    server.on('data', (chunk) => {
      const due = performance.now() + this.delay;
      before = before.then(async () => {
        const left = due - performance.now();
        if (left > 0) await wait(left);
        client.write(chunk);
      });
    });
  }
}
