import { isHandler } from './application-routes';

/** The parts of an Express application that this file reads. */
export interface ExpressLayer {
  readonly route?: {
    readonly path: unknown;
    readonly methods?: { readonly get?: boolean; readonly _all?: boolean };
    readonly stack?: readonly { readonly handle: object }[];
  };
  match(path: string): boolean;
}

interface Express {
  readonly router?: { readonly stack?: unknown };
  readonly _router?: { readonly stack?: unknown };
}

/**
 * Returns Express's middleware and routes in order. Returns none for Fastify, where the most specific route
 * wins.
 */
export function layersOf(instance: unknown): readonly ExpressLayer[] {
  try {
    // Express 4 has `_router`, and its getter `router` throws. Express 5 has no `_router`.
    const stack = ((instance as Express)._router ?? (instance as Express).router)?.stack;
    return Array.isArray(stack) ? (stack as ExpressLayer[]) : [];
  } catch {
    // Express 4 without any layer yet, or an unknown version of Express.
    return [];
  }
}

/** Criteria that distinguish routes. */
export interface KnownRoutes {
  /** Metadata of our own handlers. */
  readonly mark: string;
  /** Layers that were there before Nest bound its middleware and routes. */
  readonly native: ReadonlySet<ExpressLayer>;
  /** Whether a route of that pattern passes the request on. */
  readonly passesOn: (pattern: string) => boolean;
}

/** An Express route that gets the request before ours. */
export interface FirstRoute {
  readonly pattern: string;
  /** Whether it may pass the request on: only its answers show that. */
  readonly mayPassOn: boolean;
}

/**
 * Finds the Express route that answers GET at a path before ours, such as a catch-all of the root module. A
 * route that may pass the request on is returned only if no other route answers it.
 */
export function firstRoute(
  instance: unknown,
  path: string,
  { mark, native, passesOn }: KnownRoutes,
): FirstRoute | undefined {
  let unsure: FirstRoute | undefined;
  try {
    for (const layer of layersOf(instance)) {
      const { route } = layer;
      const answersGet = route?.methods?.get === true || route?.methods?._all === true;
      if (!answersGet || !layer.match(path)) continue;
      const handlers = route.stack?.map(({ handle }) => handle) ?? [];
      if (handlers.some((handler) => Reflect.hasMetadata(mark, handler))) return unsure;
      // Nest binds middleware with a method as a route, whose handler does not belong to a controller.
      if (!native.has(layer) && !handlers.some(isHandler)) continue;
      const pattern = String(route.path);
      if (passesOn(pattern)) continue;
      const mayPassOn = native.has(layer) && handlers.length > 0 && handlers.every(takesNext);
      if (!mayPassOn) return { pattern, mayPassOn };
      unsure ??= { pattern, mayPassOn };
    }
  } catch {
    // An unknown version of Express, whose routes cannot be read.
  }
  return unsure;
}

/** Whether a handler of Express has the parameter `next`. */
function takesNext(handler: object): boolean {
  return typeof handler === 'function' && handler.length > 2;
}
