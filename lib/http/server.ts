import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIPv6, type Socket } from 'node:net';
import { clock } from '../clock';
import { type Answer, CACHE_CONTROL } from './answer';

export interface Page {
  readonly path: string;
  /** Name in the index. */
  readonly title: string;
  /** Subject and verb for the log. */
  readonly what: string;
  /** Answer if the page fails. */
  readonly failure: string;
  /** @param accept - the header `Accept` of the request */
  answer(accept: string | undefined): Promise<Answer>;
}

export interface ServerOptions {
  readonly pages: readonly [Page, ...Page[]];
  readonly address: string;
  /** Called when a page fails or a connection cannot be accepted. */
  onError(error: unknown): void;
}

/** Milliseconds that a client may take to send its headers, and its whole request. */
const REQUEST_TIMEOUT = 5000;
/** Milliseconds that a client may take to receive the answer; shorter while the server closes. */
const ANSWER_TIMEOUT = 10_000;
const ANSWER_TIMEOUT_CLOSING = 1000;
/** Milliseconds that a page may take to answer while the server closes. */
const CLOSE_TIMEOUT = 10_000;
/** Limit of connections. If one more connects, the one that has been silent longest is closed. */
const MAX_CONNECTIONS = 100;
/** Limit of unanswered requests per client: no scraper sends a second one before its answer. */
const MAX_UNANSWERED = 4;

/** A separate HTTP server for a few pages. */
export class PageServer {
  /** Resolves when it no longer listens and every client has its answer. */
  readonly closed: Promise<void>;
  private readonly server: Server;
  /** Open connections with their unanswered requests, the longest silent first. */
  private readonly unanswered = new Map<Socket, Set<ServerResponse>>();
  private isClosing = false;
  /** Answers shared by the requests of one turn of the event loop. */
  private readonly shared = new Map<string, Promise<Answer>>();

  constructor(private readonly options: ServerOptions) {
    this.server = createServer(
      { headersTimeout: REQUEST_TIMEOUT, requestTimeout: REQUEST_TIMEOUT, connectionsCheckingInterval: 1000 },
      (request, response) => this.accept(request, response),
    );
    this.server.on('connection', (socket) => {
      if (this.unanswered.size >= MAX_CONNECTIONS) this.makeRoom();
      this.unanswered.set(socket, new Set());
      socket.once('close', () => this.unanswered.delete(socket));
    });
    this.closed = new Promise((resolve) => this.server.once('close', resolve));
  }

  /**
   * @param exclusive - in a worker of Node's cluster: gives it its own port, not one that all workers share
   * @throws the error of `listen`
   */
  async listen(port: number, exclusive: boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host: this.options.address, port, exclusive }, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
    // For example EMFILE at a new connection, which must not end the process.
    this.server.on('error', (error) => this.options.onError(error));
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Such as `http://127.0.0.1:9100`. */
  get origin(): string {
    const { address } = this.options;
    return `http://${isIPv6(address) ? `[${address}]` : address}:${this.port}`;
  }

  /** Stops listening at once, and waits only for running requests. */
  async close(): Promise<void> {
    if (!this.isClosing) {
      this.isClosing = true;
      this.server.close();
      for (const [socket, responses] of this.unanswered) {
        // close() ends Node's own checks of idle and half-sent requests, so close these here.
        if (responses.size === 0) socket.destroy();
        else if ([...responses].every(({ writableEnded }) => writableEnded)) {
          destroyAfter(socket, ANSWER_TIMEOUT_CLOSING);
        } else destroyAfter(socket, CLOSE_TIMEOUT);
      }
    }
    await this.closed;
  }

  /**
   * Closes the longest silent connection. If the new client were refused instead, a hundred silent ones could
   * lock out the scraper.
   */
  private makeRoom(): void {
    const sockets = [...this.unanswered.keys()];
    const victim = sockets.find((socket) => this.unanswered.get(socket)?.size === 0) ?? sockets[0];
    if (victim === undefined) return;
    this.unanswered.delete(victim);
    victim.destroy();
  }

  private accept(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const responses = this.unanswered.get(socket);
    if (responses === undefined || socket.destroyed) return;
    if (responses.size >= MAX_UNANSWERED) {
      socket.destroy();
      return;
    }
    this.unanswered.delete(socket);
    this.unanswered.set(socket, responses.add(response));
    response.once('close', () => responses.delete(response));
    void this.answer(request, response);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.isClosing) response.setHeader('Connection', 'close');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return this.refuse(response, 405, 'Method Not Allowed');
    }
    if (hasBody(request)) return this.refuse(response, 413, 'Content Too Large');
    const { pages } = this.options;
    const pathname = withoutSlash(request.url?.split('?', 1)[0] ?? '');
    const page = pages.find(({ path }) => withoutSlash(path) === pathname);
    if (page !== undefined) return this.answerPage(page, request, response);
    if (pathname !== '') return this.send(response, { ...PLAIN, status: 404, body: 'Not Found\n' });
    const links = pages.map(({ path, title }) => `<a href="${path}">${title}</a>\n`);
    this.send(response, { status: 200, contentType: 'text/html; charset=utf-8', body: links.join('') });
  }

  private async answerPage(page: Page, request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      this.send(response, await this.sharedAnswer(page, request.headers.accept));
    } catch (error) {
      this.options.onError(error);
      this.send(response, { ...PLAIN, status: 500, body: `${page.failure}\n` });
    }
  }

  private sharedAnswer(page: Page, accept: string | undefined): Promise<Answer> {
    const key = `${page.path} ${accept}`;
    let answer = this.shared.get(key);
    if (answer === undefined) {
      answer = page.answer(accept);
      this.shared.set(key, answer);
      clock.setImmediate(() => this.shared.delete(key));
    }
    return answer;
  }

  /** Answers without reading the rest of the request. */
  private refuse(response: ServerResponse, status: number, message: string): void {
    response.setHeader('Connection', 'close');
    this.send(response, { ...PLAIN, status, body: `${message}\n` });
  }

  private send(response: ServerResponse, { status, contentType, body, headers = {} }: Answer): void {
    const { socket } = response;
    if (socket === null) return;
    if (this.isClosing && !response.headersSent) response.setHeader('Connection', 'close');
    response.statusCode = status;
    response.setHeader(...CACHE_CONTROL);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.setHeader('Content-Type', contentType);
    response.setHeader('Content-Length', Buffer.byteLength(body));
    const patience = destroyAfter(socket, this.isClosing ? ANSWER_TIMEOUT_CLOSING : ANSWER_TIMEOUT);
    response.once('close', () => clock.clearTimeout(patience));
    response.end(body);
  }
}

const PLAIN = { contentType: 'text/plain; charset=utf-8' };

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function destroyAfter(socket: Socket, milliseconds: number): NodeJS.Timeout {
  return clock.setTimeout(() => socket.destroy(), milliseconds).unref();
}
