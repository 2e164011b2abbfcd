import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { importFrom, requireFrom, resolveFrom } from './import-from';
import { nearest } from './package-type';

/** A package that lets Node.js load TypeScript. */
interface TypeScriptLoader {
  readonly name: string;
  /** For files that are loaded with `require`. */
  readonly commonJs: (folder: string) => unknown;
  /** For files that are loaded with `import`. */
  readonly esModules: (folder: string) => unknown;
}

/** In this order: the first two emit the types of decorated columns, which TypeORM's entities need. */
const TYPESCRIPT_LOADERS: readonly TypeScriptLoader[] = [
  {
    name: '@swc-node/register',
    commonJs: (folder) => requireFrom(folder, '@swc-node/register'),
    esModules: (folder) => importFrom(folder, '@swc-node/register/esm-register'),
  },
  {
    name: 'ts-node',
    commonJs: (folder) => requireFrom(folder, 'ts-node/register/transpile-only'),
    esModules: (folder) =>
      register('ts-node/esm/transpile-only', pathToFileURL(join(folder, 'data-source.js')).href),
  },
  {
    name: 'tsx',
    commonJs: (folder) => requireFrom(folder, 'tsx/cjs'),
    esModules: (folder) => importFrom(folder, 'tsx'),
  },
];

const TYPESCRIPT: readonly string[] = ['.ts', '.mts', '.cts', '.tsx'];

export function isTypeScript(file: string): boolean {
  return TYPESCRIPT.includes(extname(file));
}

/**
 * Lets Node.js load a folder's TypeScript files, with the loader that its project has installed.
 *
 * @param isModule - whether they are ES modules
 * @returns The name of the loader; `undefined` if there is none.
 */
export async function registerTypeScript(folder: string, isModule: boolean): Promise<string | undefined> {
  const loader = TYPESCRIPT_LOADERS.find(({ name }) => resolveFrom(folder, name) !== undefined);
  if (loader === undefined) return undefined;
  await (isModule ? loader.esModules(folder) : loader.commonJs(folder));
  return loader.name;
}

/**
 * Sets the tsconfig.json of a folder's project for loaders, before any is loaded. By default they search the
 * working directory, which may be the root of a monorepo.
 */
export function useProjectConfiguration(folder: string): void {
  const configuration = configurationOf(folder);
  if (configuration === undefined) return;
  // tsconfig-paths, ts-node and @swc-node/register read the first variable, tsx the second.
  process.env['TS_NODE_PROJECT'] ??= configuration;
  process.env['TSX_TSCONFIG_PATH'] ??= configuration;
}

/** Files in which Nx and Angular keep the compiler options of a project's own code. */
const OWN_CODE = ['tsconfig.app.json', 'tsconfig.lib.json'];

/** Returns the nearest tsconfig.json, or the file for the project's own code that it refers to. */
export function configurationOf(folder: string): string | undefined {
  const file = nearest(folder, 'tsconfig.json');
  if (file === undefined) return undefined;
  const text = readFileSync(file, 'utf8');
  const name = OWN_CODE.find((own) => text.includes(`"./${own}"`));
  return name === undefined ? file : join(dirname(file), name);
}
