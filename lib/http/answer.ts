import type { HttpServer } from '@nestjs/common';

type Send = (payload?: unknown) => unknown;

/** What Express and Fastify have in common of a response. */
type PlatformResponse = { statusCode: number } & Record<'send' | 'json', Send>;

/**
 * Answers with a text whatever body Nest sends at the end of its interceptors: they may set headers, or
 * wrap what the handler returns. An error's status keeps its own body.
 */
export function answerPastInterceptors(
  adapter: Pick<HttpServer, 'getType' | 'setHeader' | 'end'>,
  response: unknown,
  contentType: string,
  text: string,
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
      adapter.setHeader?.(response, 'Content-Type', contentType);
      if (isFastify) return target.send(text);
      // Express would hash the body for an ETag that no scraper asks for, and rewrite the content type.
      adapter.setHeader?.(response, 'Content-Length', String(Buffer.byteLength(text)));
      adapter.end?.(response, text);
      return response;
    };
  }
}
