import { type AddressInfo, createServer, type Socket } from 'node:net';

/** A server that accepts connections and never says a word. */
export interface SilentServer {
  readonly port: number;
  /** Resolves with the first connection. */
  readonly connected: Promise<void>;
  /** Connections that there have been. */
  readonly accepted: number;
  /** Connections that are open. */
  readonly open: ReadonlySet<Socket>;
  close(): Promise<void>;
}

export async function silentServer(): Promise<SilentServer> {
  const open = new Set<Socket>();
  let accepted = 0;
  const server = createServer();
  const connected = new Promise<void>((resolve) => {
    server.on('connection', (socket) => {
      accepted += 1;
      open.add(socket);
      socket.on('error', () => {});
      // Its client's end is noticed only if somebody reads.
      socket.resume();
      socket.on('close', () => open.delete(socket));
      resolve();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connected,
    get accepted() {
      return accepted;
    },
    open,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
