// Run by startup-gate.spec.ts, compiled: a pod as a user would write it, and the process that migrates.
import 'reflect-metadata';
import { setTimeout } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { PrometheusMigrationsModule, type PrometheusMigrationsModuleOptions } from '../../lib';
import { defineMigration, defineMigrations } from '../support/migrations';

/** What the spec passes on: as JSON, in the environment. */
export interface GateSettings {
  readonly kind: 'http' | 'fastify' | 'context' | 'migrate';
  /**
   * Who listens for signals: Nest, by `enableShutdownHooks()`; a handler of the application's own, which flushes
   * and exits, or which has the application closed once it has started; or nobody.
   */
  readonly signals?: 'nest' | 'flush' | 'flag' | undefined;
  /** The signal that the application's own handler is for. */
  readonly signal?: NodeJS.Signals;
  /** Whether that handler is added only when the application waits. */
  readonly late?: boolean;
  /** The hook in which another module flushes its work. */
  readonly flushIn?: Flush['hook'] | undefined;
  /** Without the module: milliseconds that a hook of another one holds the start. */
  readonly control?: number | undefined;
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

const { kind, signals, signal, late, flushIn, control, connections, options } = JSON.parse(
  process.env['GATE_SETTINGS'] ?? '{}',
) as GateSettings;

/** ms */
const FLUSH = 1500;

async function flush(): Promise<void> {
  console.log('FLUSHING');
  await setTimeout(FLUSH);
  console.log('FLUSHED');
}

interface Flush {
  readonly hook: 'onModuleDestroy' | 'beforeApplicationShutdown' | 'onApplicationShutdown';
}

/** Another module of the application. */
@Module({
  providers: [
    { provide: 'FLUSH', useValue: flushIn === undefined ? {} : { [flushIn]: flush } },
    {
      provide: 'HOLD',
      useValue: {
        async onApplicationBootstrap() {
          if (control === undefined) return;
          console.log('HOLDING');
          await setTimeout(control);
        },
      },
    },
  ],
})
class OtherModule {}

let isStopping = false;

function handleSignal(): void {
  if (signal === undefined) return;
  process.on(signal, () => {
    isStopping = true;
    if (signals === 'flush') void flush().then(() => process.exit(7));
  });
  console.log('HANDLED');
}

function optionsOf({ options, migrations, invalid = false }: GateConnection): DataSourceOptions {
  return {
    ...options,
    migrations: [...defineMigrations(migrations), ...(invalid ? [defineMigration('NoTimestamp')] : [])],
  } as DataSourceOptions;
}

/** Loaded only where it is used: many of these processes start. */
async function fastify(): Promise<AbstractHttpAdapter> {
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  return new FastifyAdapter();
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
      OtherModule,
      ...(control === undefined ? [PrometheusMigrationsModule.forRoot(options)] : []),
    ],
  })
  class AppModule {}

  if (late) process.once('message', handleSignal);
  else handleSignal();
  if (kind === 'context') {
    const app = await NestFactory.createApplicationContext(AppModule);
    console.log('STARTED');
    if (isStopping) await app.close();
  } else {
    const app = await (kind === 'fastify'
      ? NestFactory.create(AppModule, await fastify())
      : NestFactory.create(AppModule));
    if (signals === 'nest') app.enableShutdownHooks();
    // Whoever waits to be told to close ends when nothing else is to be done.
    process.once('message', () => {
      void app.close().then(() => console.log('CLOSED'));
    });
    process.channel?.unref();
    await app.listen(0, '127.0.0.1');
    console.log('STARTED');
  }
}

// As Nest's own starter: nobody catches.
void main();
