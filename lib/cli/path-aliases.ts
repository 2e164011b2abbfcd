import Module, { createRequire, register } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type * as typescript from 'typescript';
import { configurationOf } from './typescript';

interface Resolver {
  _resolveFilename(
    request: string,
    parent: { filename?: string | null } | undefined,
    ...rest: unknown[]
  ): string;
}

/**
 * Lets Node.js resolve the `paths` and the `baseUrl` of tsconfig.json, if it finds no other file. ts-node
 * does not do that. The project's compiler resolves them.
 */
export function resolvePathAliases(isModule: boolean): void {
  // Node.js loads this file again in its thread for hooks.
  if (isModule) register(pathToFileURL(__filename).href);
  else resolveRequired();
}

function resolveRequired(): void {
  const loader = Module as unknown as Resolver;
  const resolve = loader._resolveFilename.bind(loader);
  loader._resolveFilename = (request, parent, ...rest) => {
    try {
      return resolve(request, parent, ...rest);
    } catch (error) {
      const file = isNotFound(error) ? fileOfAlias(request, parent?.filename) : undefined;
      if (file === undefined) throw error;
      return resolve(file, parent, ...rest);
    }
  };
}

type NextResolve = (specifier: string, context: unknown) => Promise<unknown>;

/** Resolve hook of Node.js for ES modules. */
export async function resolve(
  specifier: string,
  context: { readonly parentURL?: string },
  next: NextResolve,
): Promise<unknown> {
  try {
    return await next(specifier, context);
  } catch (error) {
    const { parentURL = '' } = context;
    const parent = parentURL.startsWith('file:') ? fileURLToPath(parentURL) : undefined;
    const file = isNotFound(error) ? fileOfAlias(specifier, parent) : undefined;
    if (file === undefined) throw error;
    return next(pathToFileURL(file).href, context);
  }
}

/** ts-node's resolver throws errors without a code. */
function isNotFound(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return /MODULE_NOT_FOUND$/.test(String(code)) || /^Cannot find (package|module) /.test(String(message));
}

/** Resolves an alias to a file of the project. */
function fileOfAlias(specifier: string, parent: string | null | undefined): string | undefined {
  if (typeof parent !== 'string' || isInPackage(parent) || /^[./]|^\w+:/.test(specifier)) return undefined;
  const project = projectOf(dirname(parent));
  if (project === undefined) return undefined;
  const { ts, options } = project;
  const { resolvedModule } = ts.resolveModuleName(specifier, parent, options, ts.sys);
  const file = resolvedModule?.resolvedFileName;
  return file === undefined || resolvedModule?.extension === '.d.ts' || isInPackage(file) ? undefined : file;
}

function isInPackage(file: string): boolean {
  return /[\\/]node_modules[\\/]/.test(file);
}

interface TypeScriptProject {
  readonly ts: typeof typescript;
  readonly options: typescript.CompilerOptions;
}

const projects = new Map<string, TypeScriptProject | undefined>();

/** Returns a folder's compiler and its options; `undefined` if it has none. */
function projectOf(folder: string): TypeScriptProject | undefined {
  if (!projects.has(folder)) projects.set(folder, loadProject(folder));
  return projects.get(folder);
}

function loadProject(folder: string): TypeScriptProject | undefined {
  try {
    const configuration = configurationOf(folder);
    if (configuration === undefined) return undefined;
    const ts = createRequire(join(folder, 'data-source.js'))('typescript') as typeof typescript;
    const { config } = ts.readConfigFile(configuration, (file) => ts.sys.readFile(file)) as {
      config: unknown;
    };
    // Do not list the project's files: in a monorepo that takes seconds.
    const host = { ...ts.sys, readDirectory: () => [] };
    return { ts, options: ts.parseJsonConfigFileContent(config, host, dirname(configuration)).options };
  } catch {
    return undefined;
  }
}
