import { RequestMethod, type Type, VERSION_NEUTRAL } from '@nestjs/common';
import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';

// Metadata of Nest's decorators and of RouterModule, from `@nestjs/common/constants`.
const PATH = 'path';
const METHOD = 'method';
const HOST = 'host';
const VERSION = '__version__';
const MODULE_PATH = '__module_path__';

/** A path's segments joined, with one slash in front. */
function join(...parts: readonly string[]): string {
  return `/${parts.join('/').split('/').filter(Boolean).join('/')}`;
}

/** Where Nest serves a path that has no version: behind the global prefix, unless it is excluded from it. */
export function servedPath(
  config: ApplicationConfig,
  path: string,
  modulePath = '',
  method = RequestMethod.GET,
): string {
  const own = join(modulePath, path);
  // The form in which Nest itself tests it.
  const tested = own === '/' ? own : `${own}/`;
  const isExcluded = (config.getGlobalPrefixOptions().exclude ?? []).some(
    ({ requestMethod, pathRegex }) =>
      [RequestMethod.ALL, -1 as RequestMethod, method].includes(requestMethod) && pathRegex.test(tested),
  );
  return isExcluded ? own : join(config.getGlobalPrefix(), own);
}

/** The path that `RouterModule` gives to a module. */
export function modulePathOf(modules: ModulesContainer, module: object): string {
  const path: unknown =
    Reflect.getMetadata(MODULE_PATH + modules.applicationId, module) ??
    Reflect.getMetadata(MODULE_PATH, module);
  return typeof path === 'string' ? path : '';
}

/** The name of a controller that answers GET at a path, if there is one beside ours. */
export function controllerAt(
  served: string,
  application: {
    readonly modules: ModulesContainer;
    readonly config: ApplicationConfig;
    readonly ours: Type;
    /** Whether the platform tells routes of different hosts apart. */
    readonly byHost: boolean;
  },
): string | undefined {
  const { modules, config, ours, byHost } = application;
  for (const { metatype, controllers } of modules.values()) {
    const modulePath = modulePathOf(modules, metatype);
    for (const { metatype: controller } of controllers.values()) {
      if (typeof controller !== 'function' || controller === ours) continue;
      if (byHost && Reflect.getMetadata(HOST, controller) !== undefined) continue;
      for (const { path, method } of neutralRoutes(controller as Type, config)) {
        if (servedPath(config, path, modulePath, method) === served) return controller.name;
      }
    }
  }
  return undefined;
}

/** The GET routes of a controller that have no version. */
function* neutralRoutes(controller: Type, config: ApplicationConfig) {
  const versioning = config.getVersioning();
  for (const handler of handlersOf(controller)) {
    const method = Reflect.getMetadata(METHOD, handler) as RequestMethod | undefined;
    if (method !== RequestMethod.GET && method !== RequestMethod.ALL) continue;
    const version: unknown =
      versioning &&
      (Reflect.getMetadata(VERSION, handler) ??
        Reflect.getMetadata(VERSION, controller) ??
        versioning.defaultVersion);
    if (version !== undefined && !listOf(version).includes(VERSION_NEUTRAL)) continue;
    for (const start of listOf(Reflect.getMetadata(PATH, controller) ?? [])) {
      for (const end of listOf(Reflect.getMetadata(PATH, handler))) {
        yield { path: `${String(start)}/${String(end)}`, method };
      }
    }
  }
}

/** A controller's methods, inherited ones included. */
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
