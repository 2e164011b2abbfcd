/** The parts of Express's application that are read here. */
interface ExpressLayer {
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

/** Express 4 has `_router`, and throws where `router` is looked at; Express 5 has no `_router`. */
function stackOf(express: Express): unknown {
  return (express._router ?? express.router)?.stack;
}

/**
 * The pattern of the route of Express that answers GET at a path, as a catch-all of the root module;
 * `undefined` if that is ours. On Fastify the most specific route wins, and nothing is found.
 *
 * @param mark - metadata of our own handler
 * @param passesOn - whether a route of that pattern leaves the request to those after it
 */
export function firstRoute(
  instance: unknown,
  path: string,
  mark: string,
  passesOn: (pattern: string) => boolean,
): string | undefined {
  try {
    const stack = stackOf(instance as Express);
    if (!Array.isArray(stack)) return undefined;
    for (const layer of stack as ExpressLayer[]) {
      const { route } = layer;
      const answersGet = route?.methods?.get === true || route?.methods?._all === true;
      if (!answersGet || !layer.match(path)) continue;
      if (route.stack?.some(({ handle }) => Reflect.hasMetadata(mark, handle)) === true) return undefined;
      const pattern = String(route.path);
      if (!passesOn(pattern)) return pattern;
    }
  } catch {
    // Another Express than those that are known: nothing can be told.
  }
  return undefined;
}
