import type * as core from '@nestjs/core';
import type { DynamicModule, Type } from '@nestjs/common';
import type { DataSourceCandidate } from '../data-source/alias';
import { DataSourceExplorer } from '../data-source/explorer';
import { CommandError, shortMessage } from './command-error';
import { requireFrom, resolveFrom } from './import-from';
import { exportsOfKind, type LoadedFile } from './load';

type NestModule = Type | DynamicModule;

/**
 * The DataSources in the container of a Nest module. Its providers are made; its lifecycle hooks do not
 * run: they start consumers and jobs, open ports, and may refuse to start because of the migrations.
 *
 * @param name - the file, as it was named on the command line
 * @throws {@link CommandError} if the file exports no module, or its providers cannot be made
 */
export async function dataSourcesOfModule(
  name: string,
  { folder, exported }: LoadedFile,
): Promise<DataSourceCandidate[]> {
  if (resolveFrom(folder, '@nestjs/core') === undefined) {
    throw new CommandError(`${name} has no @nestjs/core to start with. Install it beside the module.`);
  }
  const nest = requireFrom(folder, '@nestjs/core') as typeof core;
  const module = await moduleIn(name, exported);
  try {
    const context = await withoutHooks(nest, () =>
      nest.NestFactory.createApplicationContext(
        { module: CommandModule, imports: [module as DynamicModule, nest.DiscoveryModule] },
        { logger: false, abortOnError: false },
      ),
    );
    const found = new DataSourceExplorer(context.get(nest.DiscoveryService)).explore();
    if (found.length > 0) return found;
  } catch (error) {
    throw new CommandError(`The providers of ${name} could not be made. ${shortMessage(error)}`);
  }
  throw new CommandError(`${name} has no TypeORM DataSource: there is nothing to read.`);
}

class CommandModule {}

/** `createApplicationContext()` makes the providers, and calls `init()` of what it returns. */
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

/** The default export if it is a module, else the only one there is. */
async function moduleIn(name: string, exported: LoadedFile['exported']): Promise<NestModule> {
  const candidates = await exportsOfKind(name, exported, isNestModule);
  const [only] = candidates.size === 1 ? candidates.keys() : [];
  const chosen = only ?? [...candidates].find(([, key]) => key === 'default')?.[0];
  if (chosen !== undefined) return chosen;
  const problem =
    candidates.size === 0
      ? 'exports no Nest module'
      : `exports ${candidates.size} Nest modules (${[...candidates.values()].join(', ')})`;
  throw new CommandError(
    `${name} ${problem}. Export the module with your DataSources, as its default export.`,
  );
}

const MODULE_METADATA = ['imports', 'providers', 'controllers', 'exports'];

function isNestModule(value: unknown): value is NestModule {
  if (typeof value === 'function') {
    return MODULE_METADATA.some((key) => Reflect.hasMetadata(key, value));
  }
  return typeof value === 'object' && value !== null && typeof (value as DynamicModule).module === 'function';
}
