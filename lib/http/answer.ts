import type { CanActivate, ExecutionContext, HttpServer } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';

/** What a page answers. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Figures of another moment are wrong ones: neither a page nor an error in its place may be kept. */
export const CACHE_CONTROL = ['Cache-Control', 'no-store'] as const;

type Adapter = Pick<HttpServer, 'getType' | 'setHeader' | 'end' | 'status'>;
type Send = (payload?: unknown) => unknown;

/** What Express and Fastify have in common of a response. */
type PlatformResponse = { statusCode: number } & Record<'send' | 'json', Send>;

/** A response whose body is replaced when it is sent. */
interface Prepared {
  /** Made by the controller; `undefined` while it has not been called. */
  answer?: Answer;
  /** Leaves the response to Nest. */
  restore(): void;
}

const prepared = new WeakMap<object, Prepared>();

/**
 * Answers whatever body Nest sends at the end of its interceptors: they may set headers, or wrap what the
 * handler returns. An error's or a redirect's status keeps its own body.
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

/** @param make - called if an interceptor answers from a cache, and the controller is never called */
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
    // Express would hash the body for an ETag that nobody asks for, and rewrite the content type.
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
      // Awaited by Nest, which turns a failure into its error response. Without a value: a reply of
      // Fastify is thenable.
      return make().then((answer) => void deliver(answer));
    };
  }
  prepared.set(target, result);
  return result;
}

/** Prepares the response to a request, by the request of Node. */
const preparations = new WeakMap<IncomingMessage, (response: unknown) => void>();

/**
 * Has the response to a request prepared before Nest calls its interceptors. One of them may answer from a
 * cache, with what the controller returned once: nothing.
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

/** Stands on the handlers as their last guard: Nest asks it right before the interceptors. */
export const BEFORE_INTERCEPTORS: CanActivate = {
  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const request = http.getRequest<IncomingMessage & { readonly raw?: IncomingMessage }>();
    preparations.get(request.raw ?? request)?.(http.getResponse());
    return true;
  },
};
