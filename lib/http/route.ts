import {
  Controller,
  Inject,
  type InjectionToken,
  type MiddlewareConsumer,
  type Type,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { type ApplicationConfig, HttpAdapterHost, type ModulesContainer } from '@nestjs/core';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { logger } from '../logger';
import { CACHE_CONTROL, prepareBeforeInterceptors } from './answer';
import {
  type Application,
  controllerAt,
  isConditional,
  joinPath,
  modulePathOf,
  PATH,
  servedPath,
} from './application-routes';
import { answerTrailingSlash, type FastifyInstance, hasRoute } from './fastify';
import { nameInApplication } from './for-routes';
import { OWN_ROUTE } from './metadata';
import type { PageRow } from './page.table';
import { type ExpressLayer, firstRoute, layersOf } from './shadow';
import { watchAnswer } from './watch';

/** A module of an application, as Nest's container has it. */
export type HostModule = ModulesContainer extends Map<string, infer Module> ? Module : never;

/** Where a page is served. */
export interface Host {
  readonly modules: ModulesContainer;
  readonly config: ApplicationConfig;
  readonly host: HttpAdapterHost;
  /** Our module in the application. */
  readonly module: HostModule;
}

/** What a page shows, and its token. */
export interface PageSource {
  readonly token: InjectionToken;
  readonly source: unknown;
}

/**
 * One module's page in one application: gives its controller the route, and finds out what stands in its way.
 *
 * The controller is a class of its own for each of them. Metadata on a shared class would give all modules
 * and all applications the route of the last.
 */
export class PageRoute {
  private readonly controller: Type<object> | undefined;
  /** Where it is to be served, prefix included. */
  private served: string | undefined;
  /** Who has that path already, and keeps it. */
  private other: string | undefined;
  private native: ReadonlySet<ExpressLayer> = new Set();
  /** Requests that came to the page. */
  private reached = 0;

  /** @param path - as the options have it */
  constructor(
    private readonly page: PageRow,
    private readonly path: string | false,
    private readonly shown: PageSource,
    private readonly application: Host,
  ) {
    const { module, modules, config } = application;
    // In the module's definition it stands for ours, so that Nest finds what users put on it.
    module.controllers.delete(page.base as Type<object>);
    // RouterModule and other modules may come later: asked for when middleware is bound.
    nameInApplication(page.base, config, () => [
      ...(path === false ? [] : [joinPath(modulePathOf(modules, module.metatype), path)]),
      ...pathsOfSubclasses(page.base, modules),
    ]);
    if (path === false) return;
    this.controller = controllerOf(page.base, shown.token, path);
    module.addController(this.controller);
  }

  /**
   * Leaves the path to who has it already; called when all controllers are known, and nothing is bound yet.
   */
  configure(consumer: MiddlewareConsumer): void {
    const { module, modules, config, host } = this.application;
    const instance = host.httpAdapter.getInstance<FastifyInstance>();
    const fastify = host.httpAdapter.getType() === 'fastify' ? instance : undefined;
    this.native = new Set(layersOf(instance));
    // For subclasses of our controllers as well.
    if (fastify !== undefined) answerTrailingSlash(fastify);
    if (this.path !== false && this.controller !== undefined) {
      this.served = servedPath(config, this.path, modulePathOf(modules, module.metatype));
      const isTaken = fastify !== undefined && hasRoute(fastify, { method: 'GET', url: this.served });
      this.other = controllerAt(this.served, this.others) ?? (isTaken ? 'a route of Fastify' : undefined);
      if (this.other !== undefined) module.controllers.delete(this.controller);
    }
    this.prepare(consumer);
  }

  /** Keeps caches from the page, on the way to the client and among the interceptors. */
  private prepare(consumer: MiddlewareConsumer): void {
    const { page } = this;
    const { modules, host } = this.application;
    for (const { controllers } of modules.values()) {
      for (const wrapper of controllers.values()) {
        const controller = wrapper.metatype as Type;
        if (controller !== this.controller && !isSubclass(controller, page.base)) continue;
        const prepare = (request: IncomingMessage, response: ServerResponse, next: () => void) => {
          if (controller === this.controller) this.reached += 1;
          response.setHeader(...CACHE_CONTROL);
          // Whatever makes ETags would answer with 304 and no body.
          delete request.headers['if-none-match'];
          const source = wrapper.isDependencyTreeStatic() && page.sourceOf(wrapper.instance);
          if (source) {
            const make = () => page.answer(source, request.headers.accept);
            prepareBeforeInterceptors(request, host.httpAdapter, make);
          }
          next();
        };
        consumer.apply(prepare).forRoutes(controller);
      }
    }
  }

  /** Tells where the page is, or what answers in its place; called when the routes are built. */
  report(): void {
    const { served } = this;
    if (served === undefined) return;
    const { what } = this.page;
    const first = firstRoute(this.application.host.httpAdapter.getInstance(), served, {
      mark: OWN_ROUTE,
      native: this.native,
      passesOn: (pattern) => isConditional(pattern, this.others),
    });
    const isSamePath = first !== undefined && joinPath(first.pattern).toLowerCase() === served.toLowerCase();
    if (first?.mayPassOn === true && this.other === undefined) {
      this.reportUnsure(served, first.pattern);
    } else if (first !== undefined && !isSamePath) {
      logger.warn(this.shadowWarning(served, first.pattern));
    } else if (this.other !== undefined || isSamePath) {
      this.reportTaken(served, this.other ?? 'a route of Express');
    } else logger.log(`${what} served at ${served}`);
  }

  private shadowWarning(served: string, pattern: string): string {
    return `GET ${served} is answered by the route ${pattern}, which comes first: ${this.page.whenShadowed}`;
  }

  /** A route that may be middleware comes first. Its first answer decides. */
  private reportUnsure(served: string, pattern: string): void {
    logger.log(
      `${this.page.what} served at ${served}, if the route ${pattern} passes requests on. A warning follows if it does not.`,
    );
    watchAnswer(
      this.server,
      served,
      () => this.reached,
      () => logger.warn(this.shadowWarning(served, pattern)),
    );
  }

  /** Another endpoint has the path. If it may show the same, its first answer decides. */
  private reportTaken(served: string, other: string): void {
    const { whenTaken, timesMade } = this.page;
    if (timesMade === undefined) {
      logger.warn(`GET ${served} is served by ${other} already: it keeps the route. ${whenTaken}`);
      return;
    }
    logger.log(
      `GET ${served} is served by ${other}, which keeps the route. A warning follows if its first answer is without these metrics.`,
    );
    const { source } = this.shown;
    watchAnswer(
      this.server,
      served,
      () => timesMade(source),
      () => logger.warn(`GET ${served} was answered by ${other} without these metrics. ${whenTaken}`),
    );
  }

  private get server(): Server {
    return this.application.host.httpAdapter.getHttpServer() as Server;
  }

  private get others(): Application {
    const { modules, config, host } = this.application;
    const byHost = host.httpAdapter.getType() === 'express';
    return { modules, config, ours: this.controller, byHost };
  }
}

/** A controller for one path. Guards see the base class all the same. */
function controllerOf(base: Type, source: InjectionToken, path: string): Type<object> {
  const controller = class extends base {
    static {
      Object.defineProperty(this, 'name', { value: base.name });
      Object.defineProperty(this.prototype, 'constructor', { value: base });
    }
  };
  Inject(source)(controller, undefined, 0);
  Inject(HttpAdapterHost)(controller, undefined, 1);
  Controller({ path, version: VERSION_NEUTRAL })(controller);
  return controller;
}

/** Middleware for a page is meant for a subclass of its controller as well: nobody else may be in its way. */
function pathsOfSubclasses(base: Type, modules: ModulesContainer): readonly string[] {
  return [...modules.values()].flatMap(({ metatype, controllers }) =>
    [...controllers.values()]
      .filter((wrapper) => isSubclass(wrapper.metatype as Type, base))
      .flatMap((wrapper) => Reflect.getMetadata(PATH, wrapper.metatype as Type) as string | string[])
      .map((path) => joinPath(modulePathOf(modules, metatype), path)),
  );
}

/** Whether a controller is a subclass that a user has made. */
function isSubclass({ prototype }: Type, base: Type): boolean {
  return prototype instanceof base && (prototype as object).constructor !== base;
}
