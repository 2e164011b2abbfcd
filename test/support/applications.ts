import { type INestApplication, Logger, type ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule, type TypeOrmModuleOptions } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { RecordingLogger } from './logs';

export interface RunningApplication {
  app: INestApplication;
  logger: RecordingLogger;
  /** Body of a path of the application. */
  get(path?: string): Promise<string>;
  fetch(path?: string, init?: RequestInit): Promise<Response>;
}

const running: INestApplication[] = [];

/** Starts an application and listens on a free port; closed by {@link closeApplications}. */
export async function startApplication(
  metadata: ModuleMetadata,
  configure: (app: INestApplication) => unknown = () => {},
  create: (
    module: Awaited<ReturnType<ReturnType<typeof Test.createTestingModule>['compile']>>,
  ) => INestApplication = (module) => module.createNestApplication(),
): Promise<RunningApplication> {
  const logger = new RecordingLogger();
  const module = await Test.createTestingModule(metadata).setLogger(logger).compile();
  const app = create(module);
  running.push(app);
  await configure(app);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const request = (path = '/metrics', init?: RequestInit) => fetch(url + path, init);
  return { app, logger, fetch: request, get: async (path) => (await request(path)).text() };
}

export async function closeApplications(): Promise<void> {
  for (const app of running.splice(0)) await app.close();
  Logger.overrideLogger(undefined as never);
}

/** TypeOrmModule on an SQLite database in memory, with its first migrations applied. */
export function sqliteModule(
  migrations: NonNullable<TypeOrmModuleOptions['migrations']>,
  { name, applied = 0 }: { name?: string; applied?: number } = {},
) {
  return TypeOrmModule.forRootAsync({
    ...(name !== undefined && { name }),
    useFactory: () => ({ type: 'better-sqlite3', database: ':memory:', migrations }),
    dataSourceFactory: async (options) => {
      if (options === undefined) throw new Error('No options');
      const { DataSource } = await import('typeorm');
      const dataSource = await new DataSource(options).initialize();
      await record(dataSource, applied);
      return dataSource;
    },
  });
}

/** Records the first migrations of a DataSource as applied, as `migration:run --fake` does. */
export async function record(dataSource: DataSource, count: number): Promise<void> {
  const all = dataSource.migrations;
  Object.assign(dataSource, { migrations: all.slice(0, count) });
  await dataSource.runMigrations({ fake: true });
  Object.assign(dataSource, { migrations: all });
}
