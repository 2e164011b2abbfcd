import { RequestMethod, type Type, VERSION_NEUTRAL, VersioningType } from '@nestjs/common';
import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';

// Metadata of Nest's decorators and of RouterModule, from `@nestjs/common/constants`.
export const PATH = 'path';
const METHOD = 'method';
const HOST = 'host';
const VERSION = '__version__';
const MODULE_PATH = '__module_path__';

/**
 * Whether a function handles a controller's route: Nest copies the metadata to the function that it binds.
 */
export function isHandler(value: object): boolean {
  return Reflect.hasMetadata(METHOD, value);
}

/** Joins the segments of paths, with one leading slash. */
export function joinPath(...parts: readonly string[]): string {
  return `/${parts.join('/').split('/').filter(Boolean).join('/')}`;
}

/** Returns where Nest serves a path without a version: behind the global prefix, unless it is excluded. */
export function servedPath(
  config: ApplicationConfig,
  path: string,
  modulePath = '',
  method = RequestMethod.GET,
): string {
  const own = joinPath(modulePath, path);
  // Nest tests the path in this form.
  const tested = own === '/' ? own : `${own}/`;
  const isExcluded = (config.getGlobalPrefixOptions().exclude ?? []).some(
    ({ requestMethod, pathRegex }) =>
      [RequestMethod.ALL, -1 as RequestMethod, method].includes(requestMethod) && pathRegex.test(tested),
  );
  return isExcluded ? own : joinPath(config.getGlobalPrefix(), own);
}

/** Returns the path that `RouterModule` gives to a module. */
export function modulePathOf(modules: ModulesContainer, module: object): string {
  const path: unknown =
    Reflect.getMetadata(MODULE_PATH + modules.applicationId, module) ??
    Reflect.getMetadata(MODULE_PATH, module);
  return typeof path === 'string' ? path : '';
}

/** The parts of the application that are searched for routes. */
export interface Application {
  readonly modules: ModulesContainer;
  readonly config: ApplicationConfig;
  /** Our controller, which is skipped. */
  readonly ours: Type | undefined;
  /** Whether the platform distinguishes routes of different hosts. */
  readonly byHost: boolean;
}

/** Returns the name of another controller that answers GET at a path. */
export function controllerAt(served: string, application: Application): string | undefined {
  for (const { name, isConditional } of routesAt(served, application)) if (!isConditional) return name;
  return undefined;
}

/** Whether a path has only controllers for a host or version: they pass other requests on. */
export function isConditional(served: string, application: Application): boolean {
  const routes = [...routesAt(served, application)];
  return routes.length > 0 && routes.every((route) => route.isConditional);
}

function* routesAt(served: string, { modules, config, ours, byHost }: Application) {
  for (const { metatype, controllers } of modules.values()) {
    const modulePath = modulePathOf(modules, metatype);
    for (const { metatype: controller } of controllers.values()) {
      if (typeof controller !== 'function' || controller === ours) continue;
      const hasHost = byHost && Reflect.getMetadata(HOST, controller) !== undefined;
      for (const { path, method, hasVersion } of routesOf(controller as Type, config)) {
        if (servedPath(config, path, modulePath, method) !== served) continue;
        yield { name: controller.name, isConditional: hasHost || hasVersion };
      }
    }
  }
}

/** Yields the GET routes of a controller, except those with a version in the path. */
function* routesOf(controller: Type, config: ApplicationConfig) {
  const versioning = config.getVersioning();
  for (const handler of handlersOf(controller)) {
    const method = Reflect.getMetadata(METHOD, handler) as RequestMethod | undefined;
    if (method !== RequestMethod.GET && method !== RequestMethod.ALL) continue;
    const version: unknown =
      versioning &&
      (Reflect.getMetadata(VERSION, handler) ??
        Reflect.getMetadata(VERSION, controller) ??
        versioning.defaultVersion);
    const hasVersion = version !== undefined && !listOf(version).includes(VERSION_NEUTRAL);
    if (hasVersion && versioning?.type === VersioningType.URI) continue;
    for (const start of listOf(Reflect.getMetadata(PATH, controller) ?? [])) {
      for (const end of listOf(Reflect.getMetadata(PATH, handler))) {
        yield { path: `${String(start)}/${String(end)}`, method, hasVersion };
      }
    }
  }
}

/** Yields a controller's methods, including inherited ones. */
function* handlersOf(controller: Type): Generator<object> {
  const prototype = controller.prototype as Record<string, unknown>;
  for (
    let level: object | null = prototype;
    level !== null && level !== Object.prototype;
    level = Object.getPrototypeOf(level) as object | null
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (typeof value === 'function' && name !== 'constructor' && prototype[name] === value)
        yield value as object;
    }
  }
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}
