import type { HttpServer } from '@nestjs/common';

/** What a page answers. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

type Send = (payload?: unknown) => unknown;

/** What Express and Fastify have in common of a response. */
type PlatformResponse = { statusCode: number } & Record<'send' | 'json', Send>;

/**
 * Answers whatever body Nest sends at the end of its interceptors: they may set headers, or wrap what the
 * handler returns. An error's or a redirect's status keeps its own body.
 */
export function answerPastInterceptors(
  adapter: Pick<HttpServer, 'getType' | 'setHeader' | 'end' | 'status'>,
  response: unknown,
  { status, contentType, body, headers = {} }: Answer,
): void {
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

  for (const method of methods) {
    target[method] = (payload) => {
      restore();
      if (target.statusCode >= 300 || payload instanceof Error) return target[method](payload);
      adapter.status(response, status);
      for (const [name, value] of Object.entries({ ...headers, 'Content-Type': contentType })) {
        adapter.setHeader?.(response, name, value);
      }
      if (isFastify) return target.send(body);
      // Express would hash the body for an ETag that nobody asks for, and rewrite the content type.
      adapter.setHeader?.(response, 'Content-Length', String(Buffer.byteLength(body)));
      adapter.end?.(response, body);
      return response;
    };
  }
}
