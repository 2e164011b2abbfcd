import { basename, extname } from 'node:path';
import type { DataSource } from 'typeorm';
import { type DataSourceCandidate, nameDataSources } from '../data-source/alias';
import { isDataSource } from '../data-source/brand';
import { CommandError, shortMessage } from './command-error';
import type { Connections } from './connections';
import { onDataSource } from './data-source-trap';
import type { Invocation } from './flags';
import { exportsOfKind, FileLoader, type LoadedFile } from './load';
import { withTimeout } from './with-timeout';

/**
 * The DataSources that the command line names, by alias; not connected, unless their files did that.
 *
 * @throws {@link CommandError} for a file that cannot be used
 */
export function loadSources(
  invocation: Invocation,
  connections: Connections,
): Promise<ReadonlyMap<string, DataSource>> {
  onDataSource(connections.guard);
  return withTimeout(load(invocation), LOADING, () => {
    return new CommandError(
      `The files were not loaded within ${LOADING / 1000} s. Look for a promise or a provider that never settles.`,
    );
  });
}

/** Milliseconds that files and the providers of a module may take to load. */
const LOADING = 60_000;

async function load({
  dataSources,
  module,
  imports,
  requires,
}: Invocation): Promise<ReadonlyMap<string, DataSource>> {
  const loader = new FileLoader({ imports, requires });
  const named: DataSourceCandidate[] = [];
  for (const { alias, name } of namedFiles(dataSources)) {
    named.push({ alias, dataSource: await dataSourceIn(name, await loader.load(name)) });
  }
  if (module === undefined) return nameDataSources(named, []).named;
  const loaded = await loader.load(module);
  const { dataSourcesOfModule } = await import('./nest-module.js');
  const found = await dataSourcesOfModule(module, loaded);
  return nameDataSources(named, found).named;
}

interface NamedFile {
  readonly alias: string;
  readonly name: string;
}

/** The aliases of `[alias=]file`. */
function namedFiles(given: readonly string[]): NamedFile[] {
  const parsed = given.map((text) => {
    const [, alias, name = text] = /^([^=/\\]*)=(.*)$/.exec(text) ?? [];
    if (alias === '' || name === '') {
      throw new CommandError(`--data-source is "${text}". Give a file, or alias=file.`);
    }
    return { alias, name };
  });
  const bare = parsed.filter(({ alias }) => alias === undefined).length;
  const files = parsed.map(({ alias, name }) => ({
    name,
    alias: alias ?? (bare > 1 ? basename(name, extname(name)) : 'default'),
  }));
  const twice = files.find(({ alias }, index) => files.findIndex((other) => other.alias === alias) < index);
  if (twice !== undefined) {
    throw new CommandError(
      `Two connections would be called "${twice.alias}". Name one: --data-source other=${twice.name}`,
    );
  }
  return files;
}

/**
 * The one DataSource that a file exports: by any name, as a promise, or as the result of a function that
 * is its default export. What else a file exports is left alone.
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
    const keys = Object.keys(exported).join(', ') || 'nothing';
    throw new CommandError(
      `${name} exports no TypeORM DataSource (it exports ${keys}). Export the result of new DataSource(…).`,
    );
  }
  if (found.size > 1) {
    throw new CommandError(
      `${name} exports ${found.size} DataSources (${[...found.values()].join(', ')}). ` +
        'Export each from a file of its own, and repeat --data-source.',
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
