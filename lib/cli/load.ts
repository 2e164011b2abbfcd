import { existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CommandError, shortMessage } from './command-error';
import { importFrom, requireFrom } from './import-from';
import { isEsModule } from './package-type';
import { isTypeScript, registerTypeScript } from './typescript';

export interface Preloads {
  readonly imports: readonly string[];
  readonly requires: readonly string[];
}

/** Loads files of the application, as TypeORM's own command line does. */
export class FileLoader {
  /** What Node.js has loaded, or is told to load, before the files. */
  private readonly specifiers: readonly string[];
  private readonly registered = new Set<'commonjs' | 'module'>();
  private arePreloaded = false;

  constructor(private readonly preloads: Preloads) {
    this.specifiers = [...preloads.imports, ...preloads.requires, ...preloadsOfNode()];
  }

  /**
   * The path of a file.
   *
   * @param name - as it was given on the command line
   * @throws {@link CommandError} if there is none
   */
  find(name: string): string {
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
   * What a file exports, by name.
   *
   * @throws {@link CommandError} if it cannot be loaded
   */
  async load(name: string): Promise<Readonly<Record<string, unknown>>> {
    const file = this.find(name);
    await this.preload();
    if (isTypeScript(file)) await this.registerTypeScript(name, file);
    try {
      return exportsOf(await importOrRequire(file));
    } catch (error) {
      throw new CommandError(`${name} could not be loaded. ${shortMessage(error)}${hint(error)}`);
    }
  }

  private async registerTypeScript(name: string, file: string): Promise<void> {
    const format = isEsModule(file) ? 'module' : 'commonjs';
    if (this.registered.has(format) || this.specifiers.some(loadsTypeScript)) return;
    this.registered.add(format);
    const isRegistered = await registerTypeScript(file);
    // A loader of another name may be among the preloads.
    if (isRegistered || this.specifiers.length > 0) return;
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
      await preloaded('--require', specifier, () => requireFrom(process.cwd(), specifier));
    }
    for (const specifier of imports) {
      await preloaded('--import', specifier, () => importFrom(process.cwd(), specifier));
    }
  }
}

/**
 * What a file exports by a promise, or makes by a function.
 *
 * @throws {@link CommandError} if it fails
 */
export async function settled(name: string, make: () => unknown): Promise<unknown> {
  try {
    return await make();
  } catch (error) {
    throw new CommandError(`${name} exports a promise or a factory that failed. ${shortMessage(error)}`);
  }
}

const PRELOAD_FLAG = /(?:^|\s)(?:--import|--require|-r|--loader|--experimental-loader)[=\s]+["']?([^\s"']+)/g;

/** Those of Node.js's own flags. */
function preloadsOfNode(): string[] {
  const flags = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ');
  return Array.from(flags.matchAll(PRELOAD_FLAG), ([, specifier = '']) => specifier);
}

/** Whether a preload is a loader for TypeScript, or a file of the project's own that may register one. */
function loadsTypeScript(specifier: string): boolean {
  return /swc|ts-node|tsx|jiti|esbuild|babel|sucrase|tsimp|^[./]|^(file|data):/.test(specifier);
}

async function preloaded(flag: string, specifier: string, load: () => unknown): Promise<void> {
  try {
    await load();
  } catch (error) {
    throw new CommandError(`${flag} ${specifier} could not be loaded. ${shortMessage(error)}`);
  }
}

/** What `require` cannot load because it is an ES module. */
const ES_MODULE_CODES: readonly unknown[] = ['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE'];

async function importOrRequire(file: string): Promise<unknown> {
  const load = () => import(pathToFileURL(file).href) as Promise<unknown>;
  if (isEsModule(file)) return load();
  try {
    return requireFrom(dirname(file), file);
  } catch (error) {
    if (ES_MODULE_CODES.includes((error as { code?: unknown } | null)?.code)) return load();
    throw error;
  }
}

/** A CommonJS module may export one thing instead of several. */
function exportsOf(loaded: unknown): Readonly<Record<string, unknown>> {
  const isNamespace = typeof loaded === 'object' && loaded !== null && !('@instanceof' in loaded);
  return isNamespace ? (loaded as Record<string, unknown>) : { default: loaded };
}

/** What a person can do about errors that a missing or weak TypeScript loader brings. */
function hint(error: unknown): string {
  const { name, code, message } = (error ?? {}) as { name?: unknown; code?: unknown; message?: unknown };
  if (name === 'ColumnTypeUndefinedError' || name === 'ColumnTypeNotDefinedError') {
    return (
      ' The TypeScript loader has no decorator metadata: install @swc-node/register or ts-node, ' +
      'and set emitDecoratorMetadata in tsconfig.json.'
    );
  }
  const isSyntax = name === 'SyntaxError' || code === 'ERR_UNKNOWN_FILE_EXTENSION';
  return isSyntax && !String(message).includes('JSON')
    ? ' If it is TypeScript, pass a loader with --import or --require.'
    : '';
}
