import type { CanActivate, ExecutionContext, HttpServer } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Old figures are wrong, so caches must store neither a page nor its error. */
export const CACHE_CONTROL = ['Cache-Control', 'no-store'] as const;

type Adapter = Pick<HttpServer, 'getType' | 'setHeader' | 'end' | 'status'>;
type Send = (payload?: unknown) => unknown;

/** The common part of a response of Express and of Fastify. */
type PlatformResponse = { statusCode: number } & Record<'send' | 'json', Send>;

/** A response whose body is replaced when it is sent. */
interface Prepared {
  /** Set by the controller; `undefined` until it is called. */
  answer?: Answer;
  /** Restores the methods of the response. */
  restore(): void;
}

const prepared = new WeakMap<object, Prepared>();

/**
 * Sends our answer in place of the body that interceptors produce: they may set headers or wrap the handler's
 * result. A response with an error's or a redirect's status keeps its own body.
 */
export async function answerPastInterceptors(
  adapter: Adapter,
  response: unknown,
  make: () => Promise<Answer>,
): Promise<void> {
  let answer: Answer;
  try {
    answer = await make();
  } catch (error) {
    prepared.get(response as object)?.restore();
    throw error;
  }
  (prepared.get(response as object) ?? prepare(adapter, response, make)).answer = answer;
}

/** @param make - called if an interceptor answers from a cache and the controller is never called */
function prepare(adapter: Adapter, response: unknown, make: () => Promise<Answer>): Prepared {
  const isFastify = adapter.getType() === 'fastify';
  const target = response as PlatformResponse;
  const methods = isFastify ? (['send'] as const) : (['send', 'json'] as const);
  const own = methods.map((method) => Object.getOwnPropertyDescriptor(target, method));
  const restore = () => {
    methods.forEach((method, index) => {
      const descriptor = own[index];
      if (descriptor === undefined) Reflect.deleteProperty(target, method);
      else Object.defineProperty(target, method, descriptor);
    });
  };
  const deliver = ({ status, contentType, body, headers = {} }: Answer): unknown => {
    adapter.status(response, status);
    const all = { ...headers, [CACHE_CONTROL[0]]: CACHE_CONTROL[1], 'Content-Type': contentType };
    for (const [name, value] of Object.entries(all)) adapter.setHeader?.(response, name, value);
    if (isFastify) return target.send(body);
    // Express would hash the body for an ETag that is never used, and rewrite the content type.
    adapter.setHeader?.(response, 'Content-Length', String(Buffer.byteLength(body)));
    adapter.end?.(response, body);
    return response;
  };

  const result: Prepared = { restore };
  for (const method of methods) {
    target[method] = (payload) => {
      restore();
      if (target.statusCode >= 300 || payload instanceof Error) return target[method](payload);
      if (result.answer !== undefined) return deliver(result.answer);
      // Nest awaits this and turns a failure into its error response. It resolves without a value because a
      // Fastify reply is thenable.
      return make().then((answer) => void deliver(answer));
    };
  }
  prepared.set(target, result);
  return result;
}

/** Functions that prepare a response, keyed by Node's request. */
const preparations = new WeakMap<IncomingMessage, (response: unknown) => void>();

/**
 * Registers a request, so that its response is prepared before Nest calls the interceptors. A caching
 * interceptor may answer with the controller's cached result, which is empty.
 */
export function prepareBeforeInterceptors(
  request: IncomingMessage,
  adapter: Adapter,
  make: () => Promise<Answer>,
): void {
  preparations.set(request, (response) => {
    if (!prepared.has(response as object)) prepare(adapter, response, make);
  });
}

/** Prepares the response. It is the handlers' last guard, which Nest calls right before the interceptors. */
export const BEFORE_INTERCEPTORS: CanActivate = {
  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const request = http.getRequest<IncomingMessage & { readonly raw?: IncomingMessage }>();
    preparations.get(request.raw ?? request)?.(http.getResponse());
    return true;
  },
};
