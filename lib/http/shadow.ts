import { isHandler } from './application-routes';

/** The parts of Express's application that are read here. */
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

/** Middleware and routes of Express in their order; none of Fastify, where the most specific route wins. */
export function layersOf(instance: unknown): readonly ExpressLayer[] {
  try {
    // Express 4 has `_router`, and throws where `router` is looked at; Express 5 has no `_router`.
    const stack = ((instance as Express)._router ?? (instance as Express).router)?.stack;
    return Array.isArray(stack) ? (stack as ExpressLayer[]) : [];
  } catch {
    // Express 4 without any layer yet, or another Express than those that are known.
    return [];
  }
}

/** How routes are distinguished. */
export interface KnownRoutes {
  /** Metadata of our own handlers. */
  readonly mark: string;
  /** Layers that were there before Nest bound its middleware and routes. */
  readonly native: ReadonlySet<ExpressLayer>;
  /** Whether a route of that pattern leaves the request to those after it. */
  readonly passesOn: (pattern: string) => boolean;
}

/** A route of Express that a request comes to before ours. */
export interface FirstRoute {
  readonly pattern: string;
  /** Whether it may leave the request to those after it: only its answers show that. */
  readonly mayPassOn: boolean;
}

/**
 * The route of Express that answers GET at a path, as a catch-all of the root module; `undefined` if that is
 * ours. One that may pass the request on is returned only if no other answers it.
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
      // Nest binds middleware with a method as a route: its handler is not one of a controller.
      if (!native.has(layer) && !handlers.some(isHandler)) continue;
      const pattern = String(route.path);
      if (passesOn(pattern)) continue;
      const mayPassOn = native.has(layer) && handlers.length > 0 && handlers.every(takesNext);
      if (!mayPassOn) return { pattern, mayPassOn };
      unsure ??= { pattern, mayPassOn };
    }
  } catch {
    // Another Express than those that are known: its routes cannot be read.
  }
  return unsure;
}

/** Whether a handler of Express has the parameter `next`. */
function takesNext(handler: object): boolean {
  return typeof handler === 'function' && handler.length > 2;
}
