import {
  Controller,
  Inject,
  type InjectionToken,
  RequestMethod,
  type Type,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { type ApplicationConfig, HttpAdapterHost, type ModulesContainer } from '@nestjs/core';
import { logger } from '../logger';
import { controllerAt, modulePathOf, servedPath } from './application-routes';
import { OWN_ROUTE } from './metadata';
import { shadowingRoute } from './shadow';

/**
 * A controller class of its own for each module: their routes differ, and metadata on a shared class
 * would give all of them the route of the last. Guards see the base class all the same.
 *
 * @param source - token of what it serves
 */
export function controllerOf(base: Type, source: InjectionToken): Type {
  const controller = class extends base {
    static {
      Object.defineProperty(this, 'name', { value: base.name });
      Object.defineProperty(this.prototype, 'constructor', { value: base });
    }
  };
  Inject(source)(controller, undefined, 0);
  Inject(HttpAdapterHost)(controller, undefined, 1);
  return controller;
}

/** What is known of the application that a route is part of. */
export interface Application {
  readonly modules: ModulesContainer;
  readonly config: ApplicationConfig;
  readonly host: HttpAdapterHost;
}

/** One page that the application serves, if its path is set. */
export interface RouteOptions {
  /** What users refer to in `forRoutes()`. */
  readonly base: Type;
  /** The class that serves it, made by {@link controllerOf}. */
  readonly controller: Type;
  readonly path: string | false;
  /** The option that sets the path. */
  readonly option: string;
  /** Subject and verb for the log, as `Metrics are`. */
  readonly what: string;
  /** Whether the page can have another route by a subclass of its controller. */
  readonly isExtended: boolean;
}

/** The paths of all modules of one application, by base class. */
const paths = new WeakMap<ModulesContainer, Map<Type, string[]>>();

/** Gives one module's controller its route, and finds out what stands in its way. */
export class ControllerRoute {
  /** Where it is served, prefix included. */
  private served: string | undefined;

  constructor(
    private readonly options: RouteOptions,
    private readonly application: Application,
  ) {}

  /**
   * Sets the route, as early as the options are known: middleware is bound to it before Nest builds the
   * routes. The base class stands for the controllers of all modules in `forRoutes()`.
   */
  set(): void {
    const { base, controller, path } = this.options;
    const { modules } = this.application;
    setPath(controller, path === false ? [] : path);
    const byBase = paths.get(modules) ?? new Map<Type, string[]>();
    const all = [...(byBase.get(base) ?? []), ...(path === false ? [] : [path])];
    paths.set(modules, byBase.set(base, all));
    setPath(base, all);
  }

  /** Leaves the path to a controller that has it already; called when all routes are known. */
  yield(module: object): void {
    const { controller, path, option } = this.options;
    const { modules, config, host } = this.application;
    if (path === false || !host.httpAdapter) return;
    const platform = host.httpAdapter.getType();
    if (platform === 'fastify') answerTrailingSlash(host.httpAdapter.getInstance<FastifyInstance>());
    const served = servedPath(config, path, modulePathOf(modules, module));
    const application = { modules, config, ours: controller, byHost: platform === 'express' };
    const other = controllerAt(served, application);
    if (other === undefined) {
      this.served = served;
      return;
    }
    setPath(controller, []);
    logger.warn(
      `GET ${served} is served by ${other} already: it keeps the route. ` +
        (option === 'path'
          ? 'If it serves the same registry, set the option path to false; otherwise set path to another.'
          : `Set the option ${option} to another path.`),
    );
  }

  /** Tells where the page is, or what answers in its place; called when the routes are built. */
  report(): void {
    if (this.served === undefined) return;
    const { base, what, isExtended } = this.options;
    const instance: unknown = this.application.host.httpAdapter.getInstance();
    const shadow = shadowingRoute(instance, this.served, OWN_ROUTE);
    if (shadow === undefined) {
      logger.log(`${what} served at ${this.served}`);
      return;
    }
    logger.warn(
      `GET ${this.served} is answered by the route ${shadow}, which comes first: nothing of this package is served there. ` +
        'Give the metrics a port of their own with the option port' +
        (isExtended
          ? `, or extend ${base.name} and put the subclass first among the root module's controllers.`
          : ': it serves this as well.'),
    );
  }
}

function setPath(controller: Type, path: string | string[]): void {
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
    const isOurs = typeof handler === 'function' && Reflect.hasMetadata(OWN_ROUTE, handler);
    if (!isOurs || method !== RequestMethod[RequestMethod.GET] || url.endsWith('/')) return;
    instance.route({ method, url: `${url}/`, handler, constraints });
  });
}
