import type { DataSource } from 'typeorm';
import { clock } from '../clock';
import { withoutTimestamp } from '../migration/invalid';
import { migrationTimestamp } from '../migration/state';
import { PrometheusMigrationsError } from '../prometheus-migrations.errors';
import type { LoadedConnection, LoadedSources } from '../review/migration';
import type { Answer, Request } from './apart';
import { CommandError, shortMessage } from './command-error';
import { ENDED_EARLY } from './end';
import { brokenMigrations } from './load-error';
import { keepOffline } from './offline';
import { Origins } from './origin';
import { loadNamed } from './sources';
import { initialized, LOADING } from './still-loading';

process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
process.once('message', (request: Request) => void load(request).then((loaded) => answer({ loaded }), fail));
process.on('beforeExit', () => fail(new CommandError(ENDED_EARLY.idle)));

/** The parent ends this process, so it stays alive until then. */
function answer(message: Answer): void {
  process.send?.(message);
  clock.setTimeout(() => undefined, LOADING);
}

function fail(error: unknown): void {
  const isOwn = error instanceof PrometheusMigrationsError;
  answer({ error: isOwn ? error.message : `Unexpected: ${shortMessage(error)}` });
}

async function load({ sources, isStrict }: Request): Promise<LoadedSources> {
  const dataSources = await loadNamed(sources, keepOffline);
  const origins = new Origins();
  const files = origins.files();
  const connections: LoadedConnection[] = [];
  for (const [connection, dataSource] of dataSources) {
    const instances = await migrationsOf(connection, dataSource);
    if (isStrict) checkNames(instances);
    const migrations = instances.map((instance) => ({
      name: nameOf(instance),
      file: origins.fileOf(instance.constructor),
    }));
    connections.push({ connection, globs: globsOf(dataSource.options.migrations), migrations });
  }
  return { connections, files };
}

interface Instance {
  readonly name?: string;
}

/**
 * Builds the migrations of a DataSource with TypeORM's own method, on an object in the DataSource's place.
 */
async function migrationsOf(alias: string, dataSource: DataSource): Promise<readonly Instance[]> {
  const own = {
    options: { ...dataSource.options, subscribers: [], entities: [] },
    logger: { log: () => undefined },
    subscribers: [],
    entityMetadatas: [],
    entityMetadatasMap: new Map(),
    migrations: [] as Instance[],
  };
  const standIn = Object.create(dataSource, Object.getOwnPropertyDescriptors(own)) as typeof own;
  const building = (standIn as unknown as { buildMetadatas(): Promise<void> }).buildMetadatas();
  try {
    await initialized(building, dataSource, LOADING);
  } catch (error) {
    throw new CommandError(brokenMigrations(alias, error));
  }
  return standIn.migrations;
}

function nameOf(instance: Instance): string {
  return instance.name || instance.constructor.name;
}

function checkNames(instances: readonly Instance[]): void {
  for (const instance of instances) {
    const name = nameOf(instance);
    if (Number.isNaN(migrationTimestamp(name))) throw withoutTimestamp(name, instance as never);
  }
}

/** Returns the paths of the option; `undefined` if it has other entries. */
function globsOf(migrations: unknown): string[] | undefined {
  const entries: unknown[] = Object.values(migrations ?? {});
  return entries.every((entry) => typeof entry === 'string') ? entries : undefined;
}
