// Run by startup-gate.spec.ts, compiled: a pod as a user would write it, and the process that migrates.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { PrometheusMigrationsModule, type PrometheusMigrationsModuleOptions } from '../../lib';
import { defineMigration, defineMigrations } from '../support/migrations';

/** What the spec passes on: as JSON, in the environment. */
export interface GateSettings {
  readonly kind: 'http' | 'context' | 'migrate';
  /** Who listens for signals: Nest, by `enableShutdownHooks()`; a handler of the application's own; or nobody. */
  readonly signals?: 'nest' | 'own' | undefined;
  readonly connections: Readonly<Record<string, GateConnection>>;
  readonly options?: PrometheusMigrationsModuleOptions | undefined;
}

export interface GateConnection {
  /** `migrations` aside. */
  readonly options: Partial<DataSourceOptions> & { readonly manualInitialization?: boolean };
  /** How many migrations the code defines. */
  readonly migrations: number;
  /** Whether one of them has a name that TypeORM refuses. */
  readonly invalid?: boolean;
}

const { kind, signals, connections, options } = JSON.parse(
  process.env['GATE_SETTINGS'] ?? '{}',
) as GateSettings;

function optionsOf({ options, migrations, invalid = false }: GateConnection): DataSourceOptions {
  return {
    ...options,
    migrations: [...defineMigrations(migrations), ...(invalid ? [defineMigration('NoTimestamp')] : [])],
  } as DataSourceOptions;
}

async function main(): Promise<void> {
  if (kind === 'migrate') {
    for (const connection of Object.values(connections)) {
      const dataSource = await new DataSource(optionsOf(connection)).initialize();
      await dataSource.runMigrations();
      console.log('MIGRATED');
      await dataSource.destroy();
    }
    return;
  }

  @Module({
    imports: [
      ...Object.entries(connections).map(([name, connection]) =>
        TypeOrmModule.forRoot({ name, ...optionsOf(connection) }),
      ),
      PrometheusMigrationsModule.forRoot(options),
    ],
  })
  class AppModule {}

  if (signals === 'own') process.on('SIGTERM', () => console.log('SIGTERM handled'));
  if (kind === 'context') {
    await NestFactory.createApplicationContext(AppModule);
    console.log('STARTED');
  } else {
    const app = await NestFactory.create(AppModule);
    if (signals === 'nest') app.enableShutdownHooks();
    await app.listen(0, '127.0.0.1');
    console.log('STARTED');
  }
}

// As Nest's own starter: nobody catches.
void main();
