import { register } from 'node:module';
import { extname, join } from 'node:path';
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

/** In this order: the first two know the types of decorated columns, which TypeORM's entities need. */
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
 * Lets Node.js load TypeScript files of a folder, by the loader that its project has installed.
 *
 * @param isModule - whether they are ES modules
 * @returns whether there is one
 */
export async function registerTypeScript(folder: string, isModule: boolean): Promise<boolean> {
  const loader = TYPESCRIPT_LOADERS.find(({ name }) => resolveFrom(folder, name) !== undefined);
  if (loader === undefined) return false;
  useProjectConfiguration(folder);
  await (isModule ? loader.esModules(folder) : loader.commonJs(folder));
  return true;
}

/** Loaders look for tsconfig.json in the working directory, which may be that of a monorepo. */
function useProjectConfiguration(folder: string): void {
  const configuration = nearest(folder, 'tsconfig.json');
  if (configuration !== undefined) process.env['TS_NODE_PROJECT'] ??= configuration;
}
