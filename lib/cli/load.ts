import { existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { types } from 'node:util';
import { isDataSource } from '../data-source/brand';
import { CommandError, shortMessage } from './command-error';
import { importFrom, requireFrom } from './import-from';
import { loadMessage } from './load-error';
import { isEsModule } from './package-type';
import { resolvePathAliases } from './path-aliases';
import { isTypeScript, registerTypeScript, useProjectConfiguration } from './typescript';

export interface Preloads {
  readonly imports: readonly string[];
  readonly requires: readonly string[];
}

/** A loaded file with its exports by name. */
export interface LoadedFile {
  readonly folder: string;
  /** Whether Node.js loads it as an ES module. */
  readonly isModule: boolean;
  /** Its TypeScript loader, if known. */
  readonly loader: string | undefined;
  readonly exported: Readonly<Record<string, unknown>>;
}

/** Loads files of the application, as TypeORM's own command line does. */
export class FileLoader {
  /** Modules that are loaded before the files, by Node.js or by this loader. */
  private readonly specifiers: readonly string[];
  /** Whether a TypeScript loader is registered, for ES modules (`true`) and for CommonJS (`false`). */
  private readonly registered = new Map<boolean, string | undefined>();
  /** Whether path aliases are resolved, for ES modules and for CommonJS. */
  private readonly resolvesAliases = new Set<boolean>();
  private arePreloaded = false;

  constructor(private readonly preloads: Preloads) {
    this.specifiers = [...preloads.imports, ...preloads.requires, ...preloadsOfNode()];
  }

  /**
   * Loads a file.
   *
   * @param name - its name on the command line
   * @throws {@link CommandError} if it does not exist or cannot be loaded
   */
  async load(name: string): Promise<LoadedFile> {
    const file = pathOf(name);
    const folder = dirname(file);
    useProjectConfiguration(folder);
    await this.preload();
    const isModule = isEsModule(file);
    if (isTypeScript(file)) await this.registerTypeScript(name, folder, isModule);
    const loader = this.specifiers.find(loadsTypeScript) ?? this.registered.get(isModule);
    try {
      return { folder, isModule, loader, exported: exportsOf(await importOrRequire(file, isModule)) };
    } catch (error) {
      throw new CommandError(`${name} could not be loaded. ${loadMessage(error, loader)}`);
    }
  }

  private async registerTypeScript(name: string, folder: string, isModule: boolean): Promise<void> {
    if (!this.registered.has(isModule) && !this.specifiers.some(loadsTypeScript)) {
      await this.registerLoader(name, folder, isModule);
    }
    // After the loader, because the hook registered last runs first.
    if (!this.resolvesAliases.has(isModule)) resolvePathAliases(isModule);
    this.resolvesAliases.add(isModule);
  }

  private async registerLoader(name: string, folder: string, isModule: boolean): Promise<void> {
    const loader = await loaded(name, () => registerTypeScript(folder, isModule));
    this.registered.set(isModule, loader);
    // One of the preloads may be an unknown loader.
    if (loader !== undefined || this.specifiers.length > 0) return;
    throw new CommandError(
      `${name} is TypeScript, and no loader for it is installed. ` +
        'Install @swc-node/register (npm install --save-dev @swc-node/register @swc/core), or pass another with --import or --require.',
    );
  }

  private async preload(): Promise<void> {
    if (this.arePreloaded) return;
    this.arePreloaded = true;
    const { imports, requires } = this.preloads;
    for (const specifier of requires) {
      await loaded(`--require ${specifier}`, () => requireFrom(process.cwd(), specifier));
    }
    for (const specifier of imports) {
      await loaded(`--import ${specifier}`, () => importFrom(process.cwd(), specifier));
    }
  }
}

/** @throws {@link CommandError} if the file does not exist */
function pathOf(name: string): string {
  const file = resolve(name);
  if (!existsSync(file)) {
    throw new CommandError(`There is no file ${name}. Give its path from the working directory.`);
  }
  if (statSync(file).isDirectory()) {
    throw new CommandError(`${name} is a folder. Give the path of a file in it.`);
  }
  return realpathSync(file);
}

/**
 * Finds the exports of one kind, each once, with the first name of each. It awaits promises only if no export
 * matches. It never awaits other thenables, because that may send a query.
 *
 * @throws {@link CommandError} if a promise fails
 */
export async function exportsOfKind<Kind>(
  name: string,
  exported: LoadedFile['exported'],
  isKind: (value: unknown) => value is Kind,
): Promise<ReadonlyMap<Kind, string>> {
  const values = Object.entries(exported);
  const found = firstOfEach(values, isKind);
  if (found.size > 0) return found;
  const promises = values.filter(([, value]) => types.isPromise(value));
  return firstOfEach(await settled(name, promises), isKind);
}

function firstOfEach<Kind>(
  values: readonly (readonly [string, unknown])[],
  isKind: (value: unknown) => value is Kind,
): Map<Kind, string> {
  const found = new Map<Kind, string>();
  for (const [key, value] of values) if (isKind(value) && !found.has(value)) found.set(value, key);
  return found;
}

async function settled(
  name: string,
  promises: readonly (readonly [string, unknown])[],
): Promise<(readonly [string, unknown])[]> {
  try {
    return await Promise.all(promises.map(async ([key, value]) => [key, await value] as const));
  } catch (error) {
    throw new CommandError(`${name} exports a promise or a factory that failed. ${shortMessage(error)}`);
  }
}

const PRELOAD_FLAG = /(?:^|\s)(?:--import|--require|-r|--loader|--experimental-loader)[=\s]+["']?([^\s"']+)/g;

/** Returns the modules of Node.js's own flags. */
function preloadsOfNode(): string[] {
  const flags = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ');
  return Array.from(flags.matchAll(PRELOAD_FLAG), ([, specifier = '']) => specifier);
}

/** Whether a preload is a TypeScript loader, or a file of the project that may register one. */
function loadsTypeScript(specifier: string): boolean {
  return /swc|ts-node|tsx|jiti|esbuild|babel|sucrase|tsimp|^[./]|^(file|data):/.test(specifier);
}

/** @throws {@link CommandError} that names the part that could not be loaded */
async function loaded<T>(what: string, load: () => T): Promise<Awaited<T>> {
  try {
    return await load();
  } catch (error) {
    throw new CommandError(`${what} could not be loaded. ${loadMessage(error)}`);
  }
}

/** Error codes of `require` for an ES module. */
const ES_MODULE_CODES: readonly unknown[] = ['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE'];

async function importOrRequire(file: string, isModule: boolean): Promise<unknown> {
  const load = () => import(pathToFileURL(file).href) as Promise<unknown>;
  if (isModule) return load();
  try {
    return requireFrom(dirname(file), file);
  } catch (error) {
    if (ES_MODULE_CODES.includes((error as { code?: unknown } | null)?.code)) return load();
    throw error;
  }
}

/**
 * Returns the exports by name. A CommonJS module may export a single value. A getter that throws counts as
 * `undefined`.
 */
function exportsOf(loaded: unknown): Readonly<Record<string, unknown>> {
  const isNamespace = typeof loaded === 'object' && loaded !== null && !types.isPromise(loaded);
  if (!isNamespace || isDataSource(loaded)) return { default: loaded };
  return Object.fromEntries(Object.keys(loaded).map((key) => [key, valueOf(loaded, key)]));
}

function valueOf(loaded: object, key: string): unknown {
  try {
    return Reflect.get(loaded, key);
  } catch {
    return undefined;
  }
}
