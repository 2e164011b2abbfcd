import { RequestMethod } from '@nestjs/common';
import { OWN_ROUTE } from './metadata';

interface FastifyRoute {
  readonly method: string | readonly string[];
  readonly url: string;
  readonly handler: unknown;
  readonly constraints?: unknown;
}

export interface FastifyInstance {
  readonly initialConfig?: {
    readonly ignoreTrailingSlash?: boolean;
    readonly routerOptions?: { readonly ignoreTrailingSlash?: boolean };
  };
  hasRoute(route: Pick<FastifyRoute, 'method' | 'url' | 'constraints'>): boolean;
  addHook(name: 'onRoute', hook: (route: FastifyRoute) => void): void;
  route(route: FastifyRoute): void;
}

/**
 * Fastify 4 also reports a pattern that matches the path. A pattern matches a neighbouring path too, so that
 * one is excluded.
 */
export function hasRoute(
  instance: FastifyInstance,
  route: Parameters<FastifyInstance['hasRoute']>[0],
): boolean {
  return instance.hasRoute(route) && !instance.hasRoute({ ...route, url: `${route.url}~neighbour` });
}

const slashed = new WeakSet<FastifyInstance>();

/**
 * Adds a route with a trailing slash: Fastify distinguishes `/metrics/` from `/metrics`, Express does not.
 */
export function answerTrailingSlash(instance: FastifyInstance): void {
  const { routerOptions, ignoreTrailingSlash } = instance.initialConfig ?? {};
  if (slashed.has(instance) || (routerOptions?.ignoreTrailingSlash ?? ignoreTrailingSlash) === true) return;
  slashed.add(instance);
  instance.addHook('onRoute', ({ method, url, handler, constraints }) => {
    const isOurs = typeof handler === 'function' && Reflect.hasMetadata(OWN_ROUTE, handler);
    if (!isOurs || method !== RequestMethod[RequestMethod.GET] || url.endsWith('/')) return;
    const slashedRoute = { method, url: `${url}/`, handler, constraints };
    if (!hasRoute(instance, slashedRoute)) instance.route(slashedRoute);
  });
}
