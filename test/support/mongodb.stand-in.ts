import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { BSON } from 'mongodb';

type Document = Record<string, unknown>;

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const HEADER = 16;

const HELLO: Document = {
  ok: 1,
  helloOk: true,
  ismaster: true,
  isWritablePrimary: true,
  maxBsonObjectSize: 16_777_216,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  minWireVersion: 0,
  maxWireVersion: 21,
  connectionId: 1,
};

/**
 * Speaks as much of MongoDB's wire protocol as reading a collection takes: no MongoDB server comes
 * with npm or Debian, and the real driver is worth more than a mock of it.
 */
export class MongodbStandIn {
  readonly commands: Document[] = [];
  collections: Record<string, Document[]> = {};
  denied = false;

  private constructor(
    private readonly server: Server,
    private readonly sockets = new Set<Socket>(),
  ) {
    server.on('connection', (socket) => this.serve(socket));
  }

  static async listen(): Promise<MongodbStandIn> {
    const server = createServer();
    const standIn = new MongodbStandIn(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return standIn;
  }

  get url(): string {
    return `mongodb://127.0.0.1:${(this.server.address() as AddressInfo).port}/shop?directConnection=true`;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private serve(socket: Socket): void {
    this.sockets.add(socket);
    let buffered = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      buffered = Buffer.concat([buffered, chunk]);
      while (buffered.length >= HEADER && buffered.length >= buffered.readInt32LE(0)) {
        const message = buffered.subarray(0, buffered.readInt32LE(0));
        buffered = buffered.subarray(message.length);
        socket.write(this.reply(message));
      }
    });
  }

  private reply(message: Buffer): Buffer {
    const [requestId, opcode] = [message.readInt32LE(4), message.readInt32LE(12)];
    if (opcode === OP_QUERY) {
      const fields = Buffer.alloc(20);
      fields.writeInt32LE(1, 16);
      return frame(requestId, OP_REPLY, Buffer.concat([fields, BSON.serialize(HELLO)]));
    }
    // Four bytes of flags, one that says that a single document follows.
    const command = BSON.deserialize(message.subarray(HEADER + 5));
    return frame(requestId, OP_MSG, Buffer.concat([Buffer.alloc(5), BSON.serialize(this.run(command))]));
  }

  private run(command: Document): Document {
    if ('hello' in command || 'ismaster' in command) return HELLO;
    if (!('find' in command)) return { ok: 1 };
    this.commands.push(command);
    if (this.denied) {
      return {
        ok: 0,
        code: 13,
        codeName: 'Unauthorized',
        errmsg: 'not authorized on shop to execute command',
      };
    }
    const collection = String(command['find']);
    return {
      ok: 1,
      cursor: {
        id: BSON.Long.ZERO,
        ns: `shop.${collection}`,
        firstBatch: this.collections[collection] ?? [],
      },
    };
  }
}

function frame(responseTo: number, opcode: number, body: Buffer): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeInt32LE(HEADER + body.length, 0);
  header.writeInt32LE(responseTo, 8);
  header.writeInt32LE(opcode, 12);
  return Buffer.concat([header, body]);
}
