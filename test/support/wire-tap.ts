import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A proxy before a database that keeps the SQL of every message which a client sends. */
export class WireTap {
  readonly statements: string[] = [];
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((client) => this.accept(client));
  private port = 0;

  private constructor(
    private readonly protocol: Protocol,
    private readonly target: { host: string; port: number },
  ) {}

  static async before(url: string): Promise<WireTap> {
    const { hostname, port, protocol } = new URL(url);
    const row = PROTOCOLS[protocol];
    if (row === undefined) throw new Error(`No protocol ${protocol}`);
    const tap = new WireTap(row, { host: hostname, port: Number(port) || row.port });
    await new Promise<void>((resolve) => tap.server.listen(0, '127.0.0.1', resolve));
    tap.port = (tap.server.address() as AddressInfo).port;
    return tap;
  }

  /** The same URL, through this tap. */
  url(url: string): string {
    const through = new URL(url);
    through.hostname = '127.0.0.1';
    through.port = String(this.port);
    return through.href;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private accept(client: Socket): void {
    const server = connect(this.target);
    const messages = this.protocol.messages();
    for (const socket of [client, server]) {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.on('data', (chunk) => this.statements.push(...messages(chunk)));
    client.pipe(server);
    server.pipe(client);
  }
}

interface Protocol {
  readonly port: number;
  /** Takes what one client sends, piece by piece, and returns the statements that are complete. */
  readonly messages: () => (chunk: Buffer) => string[];
}

/** Cuts a stream into messages. */
function splitter(lengthOf: (bytes: Buffer) => number, take: (message: Buffer) => string[]) {
  let bytes = Buffer.alloc(0);
  return (chunk: Buffer): string[] => {
    bytes = Buffer.concat([bytes, chunk]);
    const found: string[] = [];
    for (let length = lengthOf(bytes); length <= bytes.length; length = lengthOf(bytes)) {
      found.push(...take(bytes.subarray(0, length)));
      bytes = bytes.subarray(length);
    }
    return found;
  };
}

const text = (bytes: Buffer, start: number) => bytes.toString('utf8', start).split('\0');

/** https://www.postgresql.org/docs/current/protocol-message-formats.html: the first message has no type. */
const postgres: Protocol = {
  port: 5432,
  messages: () => {
    let isStarted = false;
    return splitter(
      (bytes) => {
        const at = isStarted ? 1 : 0;
        return bytes.length < at + 4 ? Infinity : at + bytes.readInt32BE(at);
      },
      (message) => {
        const type = isStarted ? String.fromCharCode(message[0] ?? 0) : '';
        isStarted = true;
        // Query has a statement, Parse a name and a statement.
        if (type === 'Q') return text(message, 5).slice(0, 1);
        return type === 'P' ? text(message, 5).slice(1, 2) : [];
      },
    );
  },
};

const COM_QUERY = 3;
const COM_STMT_PREPARE = 22;

/** https://mariadb.com/kb/en/0-packet/: three bytes of length, a sequence number, a command. */
const mysql: Protocol = {
  port: 3306,
  messages: () =>
    splitter(
      (bytes) => (bytes.length < 4 ? Infinity : 4 + bytes.readUIntLE(0, 3)),
      (message) => {
        const isCommand = message[3] === 0 && [COM_QUERY, COM_STMT_PREPARE].includes(message[4] ?? 0);
        // MySQL 8 and later: two bytes of query attributes, of which there are none.
        return isCommand ? text(message, message[5] === 0 ? 7 : 5).slice(0, 1) : [];
      },
    ),
};

const PROTOCOLS: Readonly<Record<string, Protocol>> = { 'postgres:': postgres, 'mysql:': mysql };
