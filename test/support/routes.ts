import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { Registry } from 'prom-client';
import { expect } from 'vitest';
import { PrometheusMigrationsModule, type PrometheusMigrationsModuleOptions } from '../../lib';
import { sqliteModule, startApplication } from './applications';
import { readingsOf } from './exposition';
import type { RecordingLogger } from './logs';
import { defineMigrations } from './migrations';
import { type Platform, PLATFORMS } from './platforms';

/** What /metrics shows of an application that {@link starter} starts. */
export const READ = { applied_total: 42, unapplied_total: 3 };

/** Starts an application on a platform, with 42 of 45 migrations applied. */
export function starter(platform: Platform) {
  return async (
    options: PrometheusMigrationsModuleOptions = {},
    { imports = [], ...metadata }: ModuleMetadata = {},
    configure?: (app: INestApplication) => unknown,
  ) => {
    const application = await startApplication(
      {
        ...metadata,
        imports: [
          sqliteModule(defineMigrations(45), { applied: 42 }),
          PrometheusMigrationsModule.forRoot({ registry: new Registry(), ...options }),
          ...imports,
        ],
      },
      configure,
      PLATFORMS[platform],
    );
    return {
      ...application,
      /** Whether a path answers with the metrics. */
      serves: async (path = '/metrics') => {
        const response = await application.fetch(path);
        return (
          response.status === 200 && readingsOf(await response.text(), 'default')['applied_total'] === 42
        );
      },
      warnings: application.logger.lines.filter((line) => line.startsWith('warn')),
    };
  };
}

type Handler = (request: unknown, response: { send(text: string): unknown }, next: unknown) => void;

/** The application of Express or Fastify itself. */
export function instanceOf(app: INestApplication) {
  return app.getHttpAdapter().getInstance() as Record<
    'get' | 'all',
    (path: string, handler: Handler) => void
  >;
}

/** Waits until the log has a line as the only warning, which follows the answer. */
export const expectWarning = ({ lines }: RecordingLogger, line: string) =>
  expect.poll(() => lines.filter((each) => each.startsWith('warn'))).toEqual([line]);
