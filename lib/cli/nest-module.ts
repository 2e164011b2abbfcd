import type * as core from '@nestjs/core';
import type { LoggerService } from '@nestjs/common';
import { type DataSourceCandidate, nameDataSources } from '../data-source/alias';
import type { DataSourceExplorer } from '../data-source/explorer';
import { isDataSource } from '../data-source/brand';
import type { SelectionOptions } from '../monitor/selection';
import { RESOLVED_OPTIONS } from '../options/tokens';
import { CommandError } from './command-error';
import { importFrom, requireFrom, resolveFrom } from './import-from';
import { isNestModule, type NestModule } from './is-nest-module';
import { exportsOfKind, type LoadedFile } from './load';
import { loadMessage } from './load-error';

/**
 * Finds the DataSources that a Nest module's application would export, with the same names. Providers are
 * created, but lifecycle hooks do not run: they may start consumers and jobs, open ports, or refuse to start
 * because of the migrations.
 *
 * @param name - the file, as on the command line
 * @param named - aliases that the command line gives to other DataSources
 * @throws {@link CommandError} if the file exports no module, its providers cannot be created, or one of its
 * connections cannot be read
 */
export async function dataSourcesOfModule(
  name: string,
  { folder, isModule, loader, exported }: LoadedFile,
  named: readonly string[],
): Promise<DataSourceCandidate[]> {
  if (resolveFrom(folder, '@nestjs/core') === undefined) {
    throw new CommandError(`${name} has no @nestjs/core to start with. Install it beside the module.`);
  }
  // A loader may load an ES module twice, once for `import` and once for `require`.
  const nest = (await (isModule ? importFrom : requireFrom)(folder, '@nestjs/core')) as typeof core;
  const module = await moduleIn(name, exported);
  let discovery: core.DiscoveryService;
  try {
    const context = await withoutHooks(nest, () => createContext(nest, module));
    discovery = context.get(nest.DiscoveryService);
  } catch (error) {
    throw new CommandError(`The providers of ${name} could not be made. ${loadMessage(error, loader)}`);
  }
  // Loaded late, because it needs Nest.
  const { DataSourceExplorer } = await import('../data-source/explorer.js');
  return exportedOf(name, new DataSourceExplorer(discovery), optionsOf(discovery), named);
}

function createContext(nest: typeof core, module: NestModule) {
  return new Promise<Awaited<ReturnType<typeof nest.NestFactory.createApplicationContext>>>(
    (resolve, reject) => {
      nest.NestFactory.createApplicationContext(
        { module: CommandModule, imports: [module as never, nest.DiscoveryModule] },
        { logger: new RetryListener(reject), abortOnError: false },
      ).then(resolve, reject);
    },
  );
}

/**
 * Fails on the first error of `TypeOrmModule`, which would otherwise retry ten times in half a minute. A
 * database that is down is no such error, because `initialize()` does not throw here. All other errors are
 * permanent.
 */
class RetryListener implements LoggerService {
  constructor(private readonly fail: (error: unknown) => void) {}

  error(message: unknown, ...[stack, context]: unknown[]): void {
    if (context !== 'TypeOrmModule' || !String(message).startsWith('Unable to connect to the database'))
      return;
    const [, name = 'Error', text = ''] = /^(\w+): ?(.*)/.exec(String(stack)) ?? [];
    // A driver's error has no specific name, and its message may contain a user or a query.
    const isOfDriver = /^error$/i.test(name);
    this.fail({ name, message: isOfDriver ? 'the DataSource could not be made' : text });
  }

  log(): void {}
  warn(): void {}
}

/**
 * Returns the exports of every module of this package in the container: its `dataSources` and the found ones,
 * without its `exclude`.
 */
function exportedOf(
  name: string,
  explorer: DataSourceExplorer,
  modules: readonly SelectionOptions[],
  named: readonly string[],
): DataSourceCandidate[] {
  const found = explorer.explore();
  const all = modules.map(({ dataSources, exclude }) => {
    const explicit = Object.entries(dataSources).map(([alias, dataSource]) => ({ alias, dataSource }));
    return [...nameDataSources(explicit, found).named].filter(([alias]) => !exclude.includes(alias));
  });
  const candidates = all.flat().map(([alias, dataSource]) => ({ alias, dataSource }));
  const known = new Set([...named, ...candidates.map(({ alias }) => alias)]);
  const missing = [...explorer.requestScoped()].filter(
    (alias) => !known.has(alias) && modules.some(({ exclude }) => !exclude.includes(alias)),
  );
  if (missing.length > 0) {
    throw new CommandError(
      `${name}: ${missing.join(', ')} is request-scoped, and there is no instance of it to read. ` +
        `Pass one with --data-source ${missing[0] ?? ''}=<file>, or leave it out with the option exclude.`,
    );
  }
  if (candidates.length > 0) return candidates;
  throw new CommandError(
    found.length === 0
      ? `${name} has no TypeORM DataSource: there is nothing to read.`
      : `${name} leaves out every DataSource with the option exclude: there is nothing to read.`,
  );
}

/** Returns the options of this package's modules. Without a module, nothing is excluded. */
function optionsOf(discovery: core.DiscoveryService): readonly SelectionOptions[] {
  const options = discovery
    .getProviders()
    .filter(({ token }) => token === RESOLVED_OPTIONS)
    .map(({ instance }) => instance as SelectionOptions);
  return options.length > 0 ? options : [{ dataSources: {}, exclude: [] }];
}

class CommandModule {}

/**
 * Runs `createApplicationContext()` without lifecycle hooks: it creates the providers and then calls
 * `init()`, which is replaced.
 */
async function withoutHooks<T>(
  { NestApplicationContext }: typeof core,
  create: () => Promise<T>,
): Promise<T> {
  const prototype = NestApplicationContext.prototype as { init: (this: unknown) => Promise<unknown> };
  const { init } = prototype;
  prototype.init = async function () {
    return this;
  };
  try {
    return await create();
  } finally {
    prototype.init = init;
  }
}

/** Returns the only exported module, or else the default export. */
async function moduleIn(name: string, exported: LoadedFile['exported']): Promise<NestModule> {
  const candidates = await exportsOfKind(name, exported, isNestModule);
  const [only] = candidates.size === 1 ? candidates.keys() : [];
  const chosen = only ?? [...candidates].find(([, key]) => key === 'default')?.[0];
  if (chosen !== undefined) return chosen;
  const problem =
    candidates.size === 0
      ? 'exports no Nest module'
      : `exports ${candidates.size} Nest modules (${[...candidates.values()].join(', ')})`;
  const hasDataSource = Object.values(exported).some(isDataSource);
  throw new CommandError(
    `${name} ${problem}. ` +
      (hasDataSource
        ? `It exports a DataSource: pass it with --data-source ${name}`
        : 'Export the module with your DataSources, as its default export.'),
  );
}
