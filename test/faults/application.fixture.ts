// Run by specs of this folder, compiled: an application in a process of its own.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken, TypeOrmModule, type TypeOrmModuleOptions } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { PrometheusMigrationsModule, type PrometheusMigrationsModuleOptions } from '../../lib';
import { RecordingLogger } from '../support/logs';
import { defineMigrations } from '../support/migrations';

/** What the spec passes on: as JSON, in the environment. */
export interface ApplicationSettings {
  readonly connection: TypeOrmModuleOptions;
  readonly migrations: number;
  /** Connections of the pool that the application holds until it shuts down. */
  readonly held: number;
  /** Without them the module is left out. */
  readonly module?: PrometheusMigrationsModuleOptions;
}

/** What the application tells the spec. */
export type ApplicationMessage =
  | { readonly kind: 'started'; readonly url: string; readonly ownUrl: string | undefined }
  /** `app.close()` has resolved after so many milliseconds. */
  | { readonly kind: 'closed'; readonly ms: number }
  /** Most memory that the process has had, in MB. */
  | { readonly kind: 'memory'; readonly peak: number };

export type ApplicationCommand = 'close' | 'memory';

const settings = JSON.parse(process.env['APPLICATION_SETTINGS'] ?? '{}') as ApplicationSettings;

@Module({
  imports: [
    TypeOrmModule.forRoot({ ...settings.connection, migrations: defineMigrations(settings.migrations) }),
    ...(settings.module === undefined ? [] : [PrometheusMigrationsModule.forRoot(settings.module)]),
  ],
})
class ApplicationModule {
  private readonly releases: (() => Promise<void>)[] = [];

  async hold(dataSource: DataSource): Promise<void> {
    for (let count = 0; count < settings.held; count += 1) {
      const runner = dataSource.createQueryRunner();
      await runner.connect();
      this.releases.push(() => runner.release());
    }
  }

  async onModuleDestroy(): Promise<void> {
    for (const release of this.releases) await release();
  }
}

function tell(message: ApplicationMessage): void {
  process.send?.(message);
}

async function start(): Promise<void> {
  const logger = new RecordingLogger();
  const app = await NestFactory.create(ApplicationModule, { logger, abortOnError: false });
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  await app.get(ApplicationModule).hold(app.get<DataSource>(getDataSourceToken()));

  // The spec is gone: nobody else ends this process.
  const exit = () => process.exit();
  process.once('disconnect', exit);
  process.on('message', (command: ApplicationCommand) => {
    if (command === 'memory') {
      tell({ kind: 'memory', peak: process.resourceUsage().maxRSS / 1024 });
      return;
    }
    const startedAt = performance.now();
    void app.close().then(() => {
      tell({ kind: 'closed', ms: performance.now() - startedAt });
      // Ends by itself, if nothing holds it.
      process.off('disconnect', exit);
      process.disconnect();
    });
  });
  const ownUrl = /served on (\S+)/.exec(logger.lines.join('\n'))?.[1];
  tell({ kind: 'started', url: await app.getUrl(), ownUrl });
}

void start();
