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

/** A module in Nest's container. */
export type HostModule = ModulesContainer extends Map<string, infer Module> ? Module : never;

/** The application that serves a page. */
export interface Host {
  readonly modules: ModulesContainer;
  readonly config: ApplicationConfig;
  readonly host: HttpAdapterHost;
  /** Our module in the application. */
  readonly module: HostModule;
}

/** The object that a page shows, and its token. */
export interface PageSource {
  readonly token: InjectionToken;
  readonly source: unknown;
}

/**
 * One module's page in one application: gives its controller the route, and reports other routes that answer
 * first.
 *
 * Each page gets its own controller class. Metadata on a shared class would give all modules and applications
 * the route of the last one.
 */
export class PageRoute {
  private readonly controller: Type<object> | undefined;
  /** Path of the page, including the prefix. */
  private served: string | undefined;
  /** Another endpoint that already has the path and keeps it. */
  private other: string | undefined;
  private native: ReadonlySet<ExpressLayer> = new Set();
  /** Number of requests that reached the page. */
  private reached = 0;

  /** @param path - the path in the options */
  constructor(
    private readonly page: PageRow,
    private readonly path: string | false,
    private readonly shown: PageSource,
    private readonly application: Host,
  ) {
    const { module, modules, config } = application;
    // The module's definition lists the base class, so that Nest finds the metadata that users put on it.
    module.controllers.delete(page.base as Type<object>);
    // A function, because RouterModule and other modules may come later: it is called when middleware is
    // bound.
    nameInApplication(page.base, config, () => [
      ...(path === false ? [] : [joinPath(modulePathOf(modules, module.metatype), path)]),
      ...pathsOfSubclasses(page.base, modules),
    ]);
    if (path === false) return;
    this.controller = controllerOf(page.base, shown.token, path);
    module.addController(this.controller);
  }

  /**
   * Yields the path to an endpoint that already has it. Called when all controllers are known and nothing is
   * bound yet.
   */
  configure(consumer: MiddlewareConsumer): void {
    const { module, modules, config, host } = this.application;
    const instance = host.httpAdapter.getInstance<FastifyInstance>();
    const fastify = host.httpAdapter.getType() === 'fastify' ? instance : undefined;
    this.native = new Set(layersOf(instance));
    // Subclasses of our controllers need it too.
    if (fastify !== undefined) answerTrailingSlash(fastify);
    if (this.path !== false && this.controller !== undefined) {
      this.served = servedPath(config, this.path, modulePathOf(modules, module.metatype));
      const isTaken = fastify !== undefined && hasRoute(fastify, { method: 'GET', url: this.served });
      this.other = controllerAt(this.served, this.others) ?? (isTaken ? 'a route of Fastify' : undefined);
      if (this.other !== undefined) module.controllers.delete(this.controller);
    }
    this.prepare(consumer);
  }

  /** Prevents caching of the page, by proxies and by interceptors. */
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
          // With this header, code that makes ETags could answer with 304 and no body.
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

  /** Logs where the page is served, or which route answers instead. Called when the routes are built. */
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

  /** Another route comes first and may be middleware. Its first answer decides. */
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

  /** Another endpoint has the path. If it may show the same content, its first answer decides. */
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

/** Creates a controller for one path. Guards still see the base class. */
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

/** Returns the paths of the page's subclasses: middleware for the page also applies to them. */
function pathsOfSubclasses(base: Type, modules: ModulesContainer): readonly string[] {
  return [...modules.values()].flatMap(({ metatype, controllers }) =>
    [...controllers.values()]
      .filter((wrapper) => isSubclass(wrapper.metatype as Type, base))
      .flatMap((wrapper) => Reflect.getMetadata(PATH, wrapper.metatype as Type) as string | string[])
      .map((path) => joinPath(modulePathOf(modules, metatype), path)),
  );
}

/** Whether a controller is a user's subclass. */
function isSubclass({ prototype }: Type, base: Type): boolean {
  return prototype instanceof base && (prototype as object).constructor !== base;
}
