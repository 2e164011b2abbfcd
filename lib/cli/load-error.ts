import { stripVTControlCharacters } from 'node:util';
import { shortMessage } from './command-error';
import { withoutSecrets } from './secrets';

/**
 * Returns the printable part of an error that a file has thrown while loading, with a hint.
 *
 * @param loader - the TypeScript loader, if it is known
 */
export function loadMessage(error: unknown, loader?: string): string {
  const text = compilerMessage(error);
  return `${text === undefined ? shortMessage(error) : shortMessage({ name: nameOf(error), message: text })}${hint(error, loader)}`;
}

/** Explains that the files of a connection cannot be loaded, with a hint. */
export function brokenMigrations(alias: string, error: unknown, withEntities = false): string {
  const [what, where] = withEntities ? BROKEN_FILES.withEntities : BROKEN_FILES.alone;
  return (
    `${alias}: ${what} ${loadMessage(error)}${placeOf(error)} ` +
    `${where}; TypeScript files need a loader (--import or --require).`
  );
}

const BROKEN_FILES = {
  alone: ['the files of its migrations could not be loaded.', 'Look at the paths in the option migrations'],
  withEntities: [
    'the files of its entities and migrations could not be loaded.',
    'Look at the paths in the options entities and migrations',
  ],
} as const;

/** Names the application's file that threw an error, as a sentence; empty if it is not known. */
export function placeOf(error: unknown): string {
  const { requireStack, stack } = (error ?? {}) as { requireStack?: unknown; stack?: unknown };
  const files = Array.isArray(requireStack) ? (requireStack as unknown[]) : filesIn(stack);
  const file = files.find((each) => typeof each === 'string' && !/node_modules|^node:|internal\//.test(each));
  return typeof file === 'string' ? ` It comes from ${file}.` : '';
}

/** Lists the files in a stack, starting with the frame that threw. */
function filesIn(stack: unknown): string[] {
  return Array.from(String(stack).matchAll(FRAME), ([, file = '']) => file);
}

const FRAME = /^\s+at (?:.*\()?(?:file:\/\/)?(\/[^()\n]+?:\d+):\d+\)?$/gm;

function nameOf(error: unknown): string {
  const { name } = error as { name?: unknown };
  return typeof name === 'string' ? name : 'Error';
}

/** Messages of TypeScript, `(line,column): error TS…`, and of esbuild, `:line:column: ERROR: …`. */
const LINE_OF_COMPILER = /^.*(?:error TS\d+:|: ERROR: ).*$/m;
/** Messages of swc: the message follows a cross, the place is in a frame. */
const MESSAGE_OF_SWC = /^\s*[x×⨯]\s+(.+)$/m;
const PLACE_OF_SWC = /[[─-](?:\[)?([^[\]\s]+:\d+:\d+)\]/;
/** The first line of the stack of a syntax error in JavaScript. */
const PLACE_OF_NODE = /^((?:file:\/\/)?\/?[^\n]+:\d+)\n/;

/** Returns the file, line and first message of a compiler; `undefined` for other errors. */
function compilerMessage(error: unknown): string | undefined {
  const { message, stack, name } = (error ?? {}) as { message?: unknown; stack?: unknown; name?: unknown };
  if (typeof message !== 'string') return undefined;
  const text = stripVTControlCharacters(message);
  const line = LINE_OF_COMPILER.exec(text)?.[0].trim();
  if (line !== undefined) return line;
  const place = PLACE_OF_SWC.exec(text)?.[1];
  if (place !== undefined)
    return `${place}: ${MESSAGE_OF_SWC.exec(text)?.[1]?.trim() ?? 'it cannot be compiled'}`;
  if (name !== 'SyntaxError' || typeof stack !== 'string') return undefined;
  const [, file] = PLACE_OF_NODE.exec(stack) ?? [];
  return file === undefined
    ? undefined
    : `${file.replace(/^file:\/\//, '')}: ${text.split('\n', 1)[0] ?? ''}`;
}

const NO_METADATA =
  'has no decorator metadata: install @swc-node/register or ts-node, and set emitDecoratorMetadata in tsconfig.json.';
/** Errors of a provider whose parameter types are missing: Nest's error, or the provider's own. */
const NOT_INJECTED = /can't resolve dependencies|properties of undefined/;
const NO_COLUMN_TYPE = ['ColumnTypeUndefinedError', 'ColumnTypeNotDefinedError'];
const NO_ENTITIES = ['EntityMetadataNotFoundError', 'RepositoryNotFoundError', 'RepositoryNotTreeError'];

/** Returns a hint how to fix the error. */
function hint(error: unknown, loader: string | undefined): string {
  const { name, code, message } = (error ?? {}) as { name?: unknown; code?: unknown; message?: unknown };
  const text = String(message);
  if (NO_COLUMN_TYPE.includes(String(name))) return ` The TypeScript loader ${NO_METADATA}`;
  if (loader !== undefined && isWithoutMetadata(loader) && NOT_INJECTED.test(text)) {
    return ` ${loader} ${NO_METADATA}`;
  }
  if (NO_ENTITIES.includes(String(name))) {
    return (
      ' This command loads no entities. Call getRepository() and the like in a function that the application ' +
      'calls, and not while the file is loaded.'
    );
  }
  const [, missing] = /Cannot find (?:module|package) '([^']+)'/.exec(text) ?? [];
  if (missing !== undefined && !/^[./]|^\w+:/.test(missing)) {
    return ` Install ${withoutSecrets(missing)}. If it is a path alias, tsconfig.json beside the file needs it in "paths"; built files must not hold any: build them with tsc-alias or a bundler.`;
  }
  const isSyntax = name === 'SyntaxError' || code === 'ERR_UNKNOWN_FILE_EXTENSION';
  return isSyntax && !text.includes('JSON')
    ? ' If it is TypeScript, pass a loader with --import or --require.'
    : '';
}

/** esbuild and loaders based on it do not emit types. */
function isWithoutMetadata(loader: string): boolean {
  return /tsx|esbuild/.test(loader);
}
