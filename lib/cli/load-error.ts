import { stripVTControlCharacters } from 'node:util';
import { shortMessage } from './command-error';
import { withoutSecrets } from './secrets';

/**
 * What may be shown of an error that a file has thrown while it was loaded, and what to do about it.
 *
 * @param loader - the TypeScript loader, if it is known
 */
export function loadMessage(error: unknown, loader?: string): string {
  const text = compilerMessage(error);
  return `${text === undefined ? shortMessage(error) : shortMessage({ name: nameOf(error), message: text })}${hint(error, loader)}`;
}

/** Why the migrations of a connection, or its entities, cannot be loaded, and what to do about it. */
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

/** The application's file in which an error came up, as a sentence; nothing if it is not known. */
export function placeOf(error: unknown): string {
  const { requireStack, stack } = (error ?? {}) as { requireStack?: unknown; stack?: unknown };
  const files = Array.isArray(requireStack) ? (requireStack as unknown[]) : filesIn(stack);
  const file = files.find((each) => typeof each === 'string' && !/node_modules|^node:|internal\//.test(each));
  return typeof file === 'string' ? ` It comes from ${file}.` : '';
}

/** The files in a stack, from the frame that threw. */
function filesIn(stack: unknown): string[] {
  return Array.from(String(stack).matchAll(FRAME), ([, file = '']) => file);
}

const FRAME = /^\s+at (?:.*\()?(?:file:\/\/)?(\/[^()\n]+?:\d+):\d+\)?$/gm;

function nameOf(error: unknown): string {
  const { name } = error as { name?: unknown };
  return typeof name === 'string' ? name : 'Error';
}

/** `(line,column): error TS…` as TypeScript, `:line:column: ERROR: …` as esbuild writes it. */
const LINE_OF_COMPILER = /^.*(?:error TS\d+:|: ERROR: ).*$/m;
/** As swc writes it: the message after a cross, the place in a frame. */
const MESSAGE_OF_SWC = /^\s*[x×⨯]\s+(.+)$/m;
const PLACE_OF_SWC = /[[─-](?:\[)?([^[\]\s]+:\d+:\d+)\]/;
/** The first line of the stack of an error of syntax in JavaScript. */
const PLACE_OF_NODE = /^((?:file:\/\/)?\/?[^\n]+:\d+)\n/;

/** File, line and the first message of a compiler; `undefined` if the error is none of a compiler. */
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
/** What comes of a provider that is injected by its type, which nobody knows: Nest's error, or its own. */
const NOT_INJECTED = /can't resolve dependencies|properties of undefined/;
const NO_COLUMN_TYPE = ['ColumnTypeUndefinedError', 'ColumnTypeNotDefinedError'];
const NO_ENTITIES = ['EntityMetadataNotFoundError', 'RepositoryNotFoundError', 'RepositoryNotTreeError'];

/** What a person can do about it. */
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

/** esbuild, and what is made with it, knows no types. */
function isWithoutMetadata(loader: string): boolean {
  return /tsx|esbuild/.test(loader);
}
