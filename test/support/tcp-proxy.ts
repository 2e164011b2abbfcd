import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What a proxy does with connections and bytes. */
export type Fault =
  | 'none'
  /** Closes what is open and resets every new connection. */
  | 'cut'
  /** Keeps connections open, accepts new ones, and passes nothing on: a black hole. */
  | 'stall';

/** A TCP proxy between an application and its database, for faults that a test can switch on and off. */
export class TcpProxy {
  private fault: Fault = 'none';
  private readonly pairs = new Set<{ client: Socket; server: Socket }>();

  private constructor(
    private readonly listener: Server,
    private readonly target: { host: string; port: number },
  ) {
    listener.on('connection', (client) => this.accept(client));
  }

  /** @param url - of the database; {@link TcpProxy.url} is the same through the proxy */
  static async before(url: string, defaultPort: number): Promise<TcpProxy> {
    const { hostname, port } = new URL(url);
    const listener = createServer();
    const proxy = new TcpProxy(listener, { host: hostname, port: Number(port) || defaultPort });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  url(url: string): string {
    const through = new URL(url);
    through.hostname = '127.0.0.1';
    through.port = String((this.listener.address() as AddressInfo).port);
    return through.href;
  }

  set(fault: Fault): void {
    this.fault = fault;
    for (const { client, server } of this.pairs) {
      if (fault === 'cut') {
        client.resetAndDestroy();
        server.destroy();
      } else if (fault === 'stall') {
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

  private accept(client: Socket): void {
    if (this.fault === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.target);
    const pair = { client, server };
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
      from.on('data', (chunk) => to.write(chunk));
      if (this.fault === 'stall') from.pause();
    }
  }
}
