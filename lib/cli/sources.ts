import { existsSync } from 'node:fs';
import { basename, extname } from 'node:path';
import type { DataSource } from 'typeorm';
import { type DataSourceCandidate, nameDataSources } from '../data-source/alias';
import { isDataSource } from '../data-source/brand';
import { CommandError, shortMessage } from './command-error';
import type { Connections } from './connections';
import { onDataSource } from './data-source-trap';
import type { Invocation } from './flags';
import { isNestModule } from './is-nest-module';
import { exportsOfKind, FileLoader, type LoadedFile } from './load';
import { sqliteFile } from './read-only';
import { LOADING } from './still-loading';
import { withTimeout } from './with-timeout';

/** The files that the command line names, and the modules to load before them. */
export interface Sources {
  readonly files: readonly NamedFile[];
  readonly module: string | undefined;
  readonly imports: readonly string[];
  readonly requires: readonly string[];
}

/** @throws {@link CommandError} for an invalid name of a file */
export function sourcesOf({ dataSources, module, imports, requires }: Invocation): Sources {
  return { files: namedFiles(dataSources), module, imports, requires };
}

/**
 * Loads the DataSources that the command line names, by alias. They are connected only if their files do
 * that.
 *
 * @throws {@link CommandError} for a file that cannot be used
 */
export async function loadSources(
  invocation: Invocation,
  connections: Connections,
): Promise<ReadonlyMap<string, DataSource>> {
  return loadNamed(sourcesOf(invocation), connections.guard);
}

/**
 * Loads the DataSources of some sources, by alias.
 *
 * @param made - called with every DataSource while its constructor runs
 */
export function loadNamed(
  sources: Sources,
  made: (dataSource: DataSource) => void,
): Promise<ReadonlyMap<string, DataSource>> {
  onDataSource(made);
  return withTimeout(load(sources), LOADING, () => {
    return new CommandError(
      `The files were not loaded within ${LOADING / 1000} s. Look for a promise or a provider that never settles.`,
    );
  });
}

/** Returns the files that the command line names, and the databases that are files. */
export function inputsOf(
  { dataSources, module, driftBaseline }: Invocation,
  sources: ReadonlyMap<string, DataSource>,
): readonly string[] {
  const named = namedFiles(dataSources).map(({ name }) => name);
  const databases = Array.from(sources.values(), ({ options }) => sqliteFile({ ...options }));
  return [...named, module, driftBaseline, ...databases].filter((file) => file !== undefined);
}

async function load({ files, module, imports, requires }: Sources): Promise<ReadonlyMap<string, DataSource>> {
  const loader = new FileLoader({ imports, requires });
  const named: DataSourceCandidate[] = [];
  for (const { alias, name, key } of files) {
    named.push({ alias, dataSource: await dataSourceIn(name, exportOf(name, key, await loader.load(name))) });
  }
  if (module === undefined) return nameDataSources(named, []).named;
  const loaded = await loader.load(module);
  const { dataSourcesOfModule } = await import('./nest-module.js');
  const aliases = named.map(({ alias }) => alias);
  const found = await dataSourcesOfModule(module, loaded, aliases);
  return nameDataSources(named, found).named;
}

export interface NamedFile {
  readonly alias: string;
  readonly name: string;
  /** Name of the export, if given. */
  readonly key: string | undefined;
}

/** Parses `[alias=]file[#export]`. */
function namedFiles(given: readonly string[]): NamedFile[] {
  const parsed = given.map((text) => {
    const [, alias, path = text] = /^([^=/\\]*)=(.*)$/.exec(text) ?? [];
    const [, name = path, key] = (existsSync(path) ? null : /^(.+)#([^#/\\]+)$/.exec(path)) ?? [];
    if (alias === '' || name === '') {
      throw new CommandError(`--data-source is "${text}". Give a file, or alias=file.`);
    }
    return { alias, name, key };
  });
  const bare = parsed.filter(({ alias }) => alias === undefined).length;
  const files = parsed.map(({ alias, name, key }) => ({
    name,
    key,
    alias: alias ?? (bare > 1 ? (nameOfExport(key) ?? basename(name, extname(name))) : 'default'),
  }));
  const twice = files.find(({ alias }, index) => files.findIndex((other) => other.alias === alias) < index);
  if (twice !== undefined) {
    throw new CommandError(
      `Two connections would be called "${twice.alias}". Name one: --data-source other=${twice.name}${twice.key === undefined ? '' : `#${twice.key}`}`,
    );
  }
  return files;
}

/** Derives the alias like that of an injection token: `ordersDataSource` is `orders`. */
function nameOfExport(key: string | undefined): string | undefined {
  return key === undefined || key === 'default' ? undefined : key.replace(/DataSource$/, '') || key;
}

/** Reduces a file to the export that `#export` names. */
function exportOf(name: string, key: string | undefined, file: LoadedFile): LoadedFile {
  if (key === undefined) return file;
  if (!Object.hasOwn(file.exported, key)) {
    throw new CommandError(`${name} exports no "${key}". It exports ${namesOf(file.exported)}.`);
  }
  return { ...file, exported: { [key]: file.exported[key] } };
}

function namesOf(exported: LoadedFile['exported']): string {
  return Object.keys(exported).join(', ') || 'nothing';
}

/**
 * Finds the only DataSource that a file exports: by any name, as a promise, or as the result of a function
 * that is its default export. Other exports are ignored.
 *
 * Source: TypeORM's `CommandUtils.loadDataSource()`, which does not call functions.
 */
async function dataSourceIn(name: string, { exported }: LoadedFile): Promise<DataSource> {
  let found = await exportsOfKind(name, exported, isDataSource);
  const factory = exported['default'];
  if (found.size === 0 && isFactory(factory)) {
    found = await exportsOfKind(name, { default: await madeBy(name, factory) }, isDataSource);
  }
  const [first] = found.keys();
  if (first === undefined) {
    const isModule = Object.values(exported).some(isNestModule);
    throw new CommandError(
      `${name} exports no TypeORM DataSource (it exports ${namesOf(exported)}). ` +
        (isModule ? `Pass a Nest module with --module ${name}` : 'Export the result of new DataSource(…).'),
    );
  }
  if (found.size > 1) {
    throw new CommandError(
      `${name} exports ${found.size} DataSources (${[...found.values()].join(', ')}). ` +
        `Name one: --data-source ${name}#${[...found.values()][0] ?? ''}, and repeat it for the others.`,
    );
  }
  return first;
}

async function madeBy(name: string, factory: () => unknown): Promise<unknown> {
  try {
    return await factory();
  } catch (error) {
    throw new CommandError(`${name} exports a promise or a factory that failed. ${shortMessage(error)}`);
  }
}

function isFactory(value: unknown): value is () => unknown {
  return typeof value === 'function' && value.length === 0 && !/^class\b/.test(String(value));
}
