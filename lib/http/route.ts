import { Controller, Inject, RequestMethod, type Type, VERSION_NEUTRAL } from '@nestjs/common';
import { type ApplicationConfig, HttpAdapterHost, type ModulesContainer } from '@nestjs/core';
import { logger } from '../logger';
import { METRICS_ROUTE, MetricsController } from './metrics.controller';
import {
  type Application,
  controllerAt,
  isConditional,
  joinPath,
  modulePathOf,
  servedPath,
} from './application-routes';
import { firstRoute } from './shadow';

/** The paths of all modules of one application. */
const paths = new WeakMap<ModulesContainer, string[]>();

/**
 * A controller class of its own for each module: their routes differ, and metadata on a shared class
 * would give all of them the route of the last. Guards see {@link MetricsController} all the same.
 *
 * @param exporter - token of the exporter whose registry it serves
 */
export function createMetricsController(exporter: symbol): Type<MetricsController> {
  const controller = class extends MetricsController {
    static {
      Object.defineProperty(this, 'name', { value: MetricsController.name });
      Object.defineProperty(this.prototype, 'constructor', { value: MetricsController });
    }
  };
  Inject(exporter)(controller, undefined, 0);
  Inject(HttpAdapterHost)(controller, undefined, 1);
  return controller;
}

/** Gives one module's controller its route, and finds out what stands in its way. */
export class MetricsRoute {
  /** Where it is to be served, prefix included. */
  private served: string | undefined;
  /** Who has that path already, and keeps it. */
  private other: string | undefined;

  constructor(
    private readonly controller: Type<MetricsController>,
    private readonly path: string | false,
    private readonly application: {
      readonly modules: ModulesContainer;
      readonly config: ApplicationConfig;
      readonly host: HttpAdapterHost;
    },
  ) {}

  /**
   * Sets the route, as early as the options are known: middleware is bound to it before Nest builds the
   * routes. `MetricsController` stands for the controllers of all modules in `forRoutes()`.
   */
  set(module: object): void {
    const { path } = this;
    const { modules } = this.application;
    setPath(this.controller, path === false ? [] : path);
    const all = paths.get(modules) ?? [];
    paths.set(modules, all);
    setPath(MetricsController, all);
    if (path === false) return;
    // RouterModule may come later: asked for when middleware is bound.
    const get = () => joinPath(modulePathOf(modules, module), path);
    Object.defineProperty(all, all.length, { get, enumerable: true });
  }

  /** Leaves the path to who has it already; called when all controllers are known. */
  yield(module: object): void {
    const { modules, config, host } = this.application;
    const fastify =
      host.httpAdapter?.getType() === 'fastify' ? host.httpAdapter.getInstance<FastifyInstance>() : undefined;
    // For subclasses of MetricsController as well.
    if (fastify !== undefined) answerTrailingSlash(fastify);
    if (this.path === false || !host.httpAdapter) return;
    const served = servedPath(config, this.path, modulePathOf(modules, module));
    const isTaken = fastify?.hasRoute({ method: 'GET', url: served }) === true;
    this.other = controllerAt(served, this.others) ?? (isTaken ? 'a route of Fastify' : undefined);
    if (this.other !== undefined) setPath(this.controller, []);
    this.served = served;
  }

  /** Tells where the metrics are, or what answers in their place; called when the routes are built. */
  report(): void {
    const { served, other } = this;
    if (served === undefined) return;
    const first = firstRoute(
      this.application.host.httpAdapter.getInstance(),
      served,
      METRICS_ROUTE,
      (pattern) => isConditional(pattern, this.others),
    );
    if (first !== undefined && (other === undefined || first !== served)) {
      logger.warn(
        `GET ${served} is answered by the route ${first}, which comes first: the metrics are not served there. ` +
          'Give them a port of their own with the option port, or set the option path to false, extend MetricsController ' +
          "and put the subclass first among the root module's controllers.",
      );
    } else if (other !== undefined) {
      logger.warn(
        `GET ${served} is served by ${other} already: it keeps the route. ` +
          'If it serves the same registry, set the option path to false; otherwise set path to another.',
      );
    } else logger.log(`Metrics are served at ${served}`);
  }

  private get others(): Application {
    const { modules, config, host } = this.application;
    return { modules, config, ours: this.controller, byHost: host.httpAdapter.getType() === 'express' };
  }
}

function setPath(controller: Type<MetricsController>, path: string | string[]): void {
  Controller({ path, version: VERSION_NEUTRAL })(controller);
}

interface FastifyRoute {
  readonly method: string | readonly string[];
  readonly url: string;
  readonly handler: unknown;
  readonly constraints?: unknown;
}

interface FastifyInstance {
  readonly initialConfig?: {
    readonly ignoreTrailingSlash?: boolean;
    readonly routerOptions?: { readonly ignoreTrailingSlash?: boolean };
  };
  hasRoute(route: Pick<FastifyRoute, 'method' | 'url' | 'constraints'>): boolean;
  addHook(name: 'onRoute', hook: (route: FastifyRoute) => void): void;
  route(route: FastifyRoute): void;
}

const slashed = new WeakSet<FastifyInstance>();

/** Fastify tells `/metrics/` from `/metrics`, Express does not. */
function answerTrailingSlash(instance: FastifyInstance): void {
  const { routerOptions, ignoreTrailingSlash } = instance.initialConfig ?? {};
  if (slashed.has(instance) || (routerOptions?.ignoreTrailingSlash ?? ignoreTrailingSlash) === true) return;
  slashed.add(instance);
  instance.addHook('onRoute', ({ method, url, handler, constraints }) => {
    const isOurs = typeof handler === 'function' && Reflect.hasMetadata(METRICS_ROUTE, handler);
    if (!isOurs || method !== RequestMethod[RequestMethod.GET] || url.endsWith('/')) return;
    const slashedRoute = { method, url: `${url}/`, handler, constraints };
    if (!instance.hasRoute(slashedRoute)) instance.route(slashedRoute);
  });
}
