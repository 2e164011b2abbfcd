import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIPv6, type ListenOptions } from 'node:net';
import type { MetricsRegistry } from '../prometheus-migrations.options';

/** A server of its own for the metrics, beside the application's. */
export interface MetricsServer {
  /** Where the metrics are, as `http://127.0.0.1:9100/metrics`. */
  readonly url: string;
  /** Stops listening, and waits for the scrapes in flight. */
  close(): Promise<void>;
}

/** Milliseconds that a client may take for the head of its request, and for the whole of it. */
const REQUEST_TIMEOUT = 5000;
/** Milliseconds after which closing no longer waits for clients that do not take their answer. */
const CLOSE_TIMEOUT = 10_000;

/**
 * Serves a registry on the first of some ports that is free.
 *
 * @returns `undefined` where none is free
 * @throws what `listen` throws for any other reason, as for an address that this machine does not have
 */
export async function startMetricsServer(options: {
  registry: MetricsRegistry;
  /** Called when the metric of somebody else throws, or a connection cannot be accepted. */
  onError: (error: unknown) => void;
  address: string;
  ports: Iterable<number>;
  /** In a worker of Node's cluster: a port of its own, not one that all workers share. */
  exclusive: boolean;
  path: string;
}): Promise<MetricsServer | undefined> {
  const { address, ports, exclusive, path } = options;
  const server = createServer(
    { headersTimeout: REQUEST_TIMEOUT, requestTimeout: REQUEST_TIMEOUT, connectionsCheckingInterval: 1000 },
    (request, response) => void answer(request, response),
  );

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!server.listening) response.setHeader('Connection', 'close');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return refuse(response, 405, 'Method Not Allowed');
    }
    if (hasBody(request)) return refuse(response, 413, 'Content Too Large');
    const pathname = request.url?.split('?', 1)[0];
    if (pathname === path) return metrics(response);
    if (pathname === '/') {
      return send(response, 200, 'text/html; charset=utf-8', `<a href="${path}">Metrics</a>\n`);
    }
    return send(response, 404, 'text/plain; charset=utf-8', 'Not Found\n');
  }

  async function metrics(response: ServerResponse): Promise<void> {
    try {
      const body = await options.registry.metrics();
      send(response, 200, options.registry.contentType, body);
    } catch (error) {
      options.onError(error);
      send(response, 500, 'text/plain; charset=utf-8', 'A metric of the registry could not be collected\n');
    }
  }

  for (const port of ports) {
    if (await listens(server, { host: address, port, exclusive })) {
      // As EMFILE at a new connection: nothing that should end the process.
      server.on('error', options.onError);
      const { port: bound } = server.address() as AddressInfo;
      const host = isIPv6(address) ? `[${address}]` : address;
      return { url: `http://${host}:${bound}${path}`, close: () => close(server) };
    }
  }
  return undefined;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Answers without reading what else the client has to say. */
function refuse(response: ServerResponse, status: number, message: string): void {
  response.setHeader('Connection', 'close');
  send(response, status, 'text/plain; charset=utf-8', `${message}\n`);
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', contentType);
  if (response.req.method === 'HEAD') response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(body);
}

function listens(server: Server, where: ListenOptions): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => {
      server.off('listening', onListening);
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    };
    const onListening = () => {
      server.off('error', onError);
      resolve(true);
    };
    server.once('error', onError).once('listening', onListening).listen(where);
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const patience = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT);
    // Idle connections are closed at once, the others when their answer is sent.
    server.close(() => {
      clearTimeout(patience);
      resolve();
    });
    server.closeIdleConnections();
  });
}
