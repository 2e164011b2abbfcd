import {
  Controller,
  Inject,
  type InjectionToken,
  RequestMethod,
  type Type,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { HttpAdapterHost, type ModulesContainer } from '@nestjs/core';
import { logger } from '../logger';
import {
  type Application,
  controllerAt,
  isConditional,
  joinPath,
  modulePathOf,
  servedPath,
} from './application-routes';
import { OWN_ROUTE } from './metadata';
import { firstRoute } from './shadow';

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

/** One page that the application serves, if its path is set. */
export interface RouteOptions {
  /** What users refer to in `forRoutes()`. */
  readonly base: Type;
  /** The class that serves it, made by {@link controllerOf}. */
  readonly controller: Type;
  readonly path: string | false;
  /** Subject and verb for the log, as `Metrics are`. */
  readonly what: string;
  /** What to do if another route comes first. */
  readonly whenShadowed: string;
  /** What to do if another controller has the path already. */
  readonly whenTaken: string;
}

/** The paths of all modules of one application, by base class. */
const paths = new WeakMap<ModulesContainer, Map<Type, string[]>>();

/** Gives one module's controller its route, and finds out what stands in its way. */
export class ControllerRoute {
  /** Where it is to be served, prefix included. */
  private served: string | undefined;
  /** Who has that path already, and keeps it. */
  private other: string | undefined;

  constructor(
    private readonly options: RouteOptions,
    private readonly application: Omit<Application, 'ours' | 'byHost'> & { readonly host: HttpAdapterHost },
  ) {}

  /**
   * Sets the route, as early as the options are known: middleware is bound to it before Nest builds the
   * routes. The base class stands for the controllers of all modules in `forRoutes()`.
   */
  set(module: object): void {
    const { base, controller, path } = this.options;
    const { modules } = this.application;
    setPath(controller, path === false ? [] : path);
    const byBase = paths.get(modules) ?? new Map<Type, string[]>();
    const all = byBase.get(base) ?? [];
    paths.set(modules, byBase.set(base, all));
    setPath(base, all);
    if (path === false) return;
    // RouterModule may come later: asked for when middleware is bound.
    const get = () => joinPath(modulePathOf(modules, module), path);
    Object.defineProperty(all, all.length, { get, enumerable: true });
  }

  /** Leaves the path to who has it already; called when all controllers are known. */
  yield(module: object): void {
    const { controller, path } = this.options;
    const { modules, config, host } = this.application;
    const fastify =
      host.httpAdapter?.getType() === 'fastify' ? host.httpAdapter.getInstance<FastifyInstance>() : undefined;
    // For subclasses of our controllers as well.
    if (fastify !== undefined) answerTrailingSlash(fastify);
    if (path === false || !host.httpAdapter) return;
    const served = servedPath(config, path, modulePathOf(modules, module));
    const isTaken = fastify !== undefined && hasRoute(fastify, { method: 'GET', url: served });
    this.other = controllerAt(served, this.others) ?? (isTaken ? 'a route of Fastify' : undefined);
    if (this.other !== undefined) setPath(controller, []);
    this.served = served;
  }

  /** Tells where the page is, or what answers in its place; called when the routes are built. */
  report(): void {
    const { served, other } = this;
    if (served === undefined) return;
    const { what, whenShadowed, whenTaken } = this.options;
    const instance: unknown = this.application.host.httpAdapter.getInstance();
    const first = firstRoute(instance, served, OWN_ROUTE, (pattern) => isConditional(pattern, this.others));
    if (first !== undefined && (other === undefined || first !== served)) {
      logger.warn(`GET ${served} is answered by the route ${first}, which comes first: ${whenShadowed}`);
    } else if (other !== undefined) {
      logger.warn(`GET ${served} is served by ${other} already: it keeps the route. ${whenTaken}`);
    } else logger.log(`${what} served at ${served}`);
  }

  private get others(): Application {
    const { modules, config, host } = this.application;
    const byHost = host.httpAdapter.getType() === 'express';
    return { modules, config, ours: this.options.controller, byHost };
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
  hasRoute(route: Pick<FastifyRoute, 'method' | 'url' | 'constraints'>): boolean;
  addHook(name: 'onRoute', hook: (route: FastifyRoute) => void): void;
  route(route: FastifyRoute): void;
}

/** Fastify 4 also finds a pattern that matches the path; that matches the neighbour of the path as well. */
function hasRoute(instance: FastifyInstance, route: Parameters<FastifyInstance['hasRoute']>[0]): boolean {
  return instance.hasRoute(route) && !instance.hasRoute({ ...route, url: `${route.url}~neighbour` });
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
    const slashedRoute = { method, url: `${url}/`, handler, constraints };
    if (!hasRoute(instance, slashedRoute)) instance.route(slashedRoute);
  });
}
