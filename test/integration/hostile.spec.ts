import { Logger } from '@nestjs/common';
import { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MigrationsExporter, PrometheusMigrationsModule } from '../../lib';
import { closeApplications, record, sqliteModule, startApplication } from '../support/applications';
import { closeDataSources, openDataSource } from '../support/data-sources';
import { failuresOf } from '../support/scrapes';
import { readingsOf } from '../support/exposition';
import { interceptStatements } from '../support/intercept';
import { defineMigrations } from '../support/migrations';

const migrations = defineMigrations(45);
const READ = { applied_total: 42, unapplied_total: 3, collection_success: 1 };
const FAILED = { applied_total: -1, unapplied_total: -1, collection_success: 0 };

function itself(key: 'driverError' | 'errors'): Error {
  const error = new Error('circle') as Error & Record<string, unknown>;
  error[key] = key === 'errors' ? [error] : error;
  return error;
}

function withGetter(...keys: string[]): Error {
  const error = new Error('getter');
  for (const key of keys) Object.defineProperty(error, key, { get: thrower });
  return error;
}

function thrower(): never {
  throw new Error('getter');
}

/** A value of which nothing can be asked, not even its type. */
const untouchable: unknown = new Proxy(
  {},
  {
    get: thrower,
    has: thrower,
    getPrototypeOf: thrower,
    ownKeys: thrower,
    getOwnPropertyDescriptor: thrower,
  },
);

/** A function: the test runner itself would stumble over the values. */
type Case = readonly [name: string, value: () => unknown];

/** What a driver may throw. */
const ERRORS: readonly Case[] = [
  ['an error whose driverError is itself', () => itself('driverError')],
  ['an error whose errors[0] is itself', () => itself('errors')],
  [
    'two errors that wrap each other',
    () => Object.assign(new Error('a'), { driverError: Object.assign(itself('errors'), {}) }),
  ],
  [
    'a code without a prototype',
    () => Object.assign(new Error('code'), { code: Object.create(null) as object }),
  ],
  [
    'a code that is a symbol',
    () => Object.assign(new Error('code'), { code: Symbol('code'), errno: Symbol('errno') }),
  ],
  ['a code that is a function', () => Object.assign(new Error('code'), { code: thrower })],
  ['a driverError that throws', () => withGetter('driverError')],
  [
    'properties that throw',
    () => withGetter('code', 'errno', 'number', 'message', 'name', 'errors', 'stack'),
  ],
  ['an errors array of holes', () => Object.assign(new Error('holes'), { errors: new Array(3) })],
  ['something untouchable', () => untouchable],
  [
    'an error around something untouchable',
    () => Object.assign(new Error('outer'), { driverError: untouchable }),
  ],
  ['undefined', () => undefined],
  ['null', () => null],
  ['a symbol', () => Symbol('thrown')],
  ['a text', () => 'connect ECONNREFUSED'],
  ['an object without a prototype', () => Object.create(null) as object],
];

/** What a statement may be answered with. */
const ANSWERS: readonly Case[] = [
  ['undefined', () => undefined],
  ['null rows', () => [null, null]],
  ['rows that throw', () => [Object.defineProperty({}, 'name', { get: thrower })]],
  [
    'names that are no text',
    () => [{ name: 1 }, { name: {} }, { name: Symbol('name') }, { name: Object.create(null) as object }],
  ],
  ['something untouchable', () => untouchable],
];

/** Properties of a DataSource that are read, and that a tenant's proxy may not have. */
const PROPERTIES = ['options', 'isInitialized', 'migrations', 'driver', 'createQueryRunner'] as const;

let rejections: unknown[];
const onRejection = (error: unknown) => void rejections.push(error);

beforeEach(() => {
  rejections = [];
  process.on('unhandledRejection', onRejection);
  process.on('uncaughtException', onRejection);
});
afterEach(async () => {
  await closeApplications();
  await closeDataSources();
  process.off('unhandledRejection', onRejection);
  process.off('uncaughtException', onRejection);
});

async function open(): Promise<DataSource> {
  const { dataSource } = await openDataSource({ type: 'better-sqlite3', database: ':memory:', migrations });
  await record(dataSource, 42);
  return dataSource;
}

function countFailures(text: string): number {
  return Object.values(failuresOf(text, 'hostile')).reduce((sum, count) => sum + count, 0);
}

/** Scrapes an application with a hostile connection beside a healthy one. */
async function expectHarmless(hostile: DataSource, turnHostile = () => {}): Promise<void> {
  const { app, fetch, logger } = await startApplication({
    imports: [
      sqliteModule(migrations, { name: 'healthy', applied: 42 }),
      PrometheusMigrationsModule.forRoot({
        registry: new Registry(),
        maxAge: 0,
        dataSources: { hostile },
      }),
    ],
    providers: [{ provide: 'HostileDataSource', useValue: hostile }],
  });
  const failuresBefore = countFailures(await (await fetch()).text());
  turnHostile();
  for (let scrape = 1; scrape <= 3; scrape += 1) {
    const response = await fetch();
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(readingsOf(text, 'hostile')).toMatchObject(FAILED);
    expect(readingsOf(text, 'healthy')).toMatchObject(READ);
    expect(countFailures(text)).toBe(failuresBefore + scrape);
  }
  const exporter = app.get(MigrationsExporter);
  expect(await exporter.exportMigrationsForDatabase('again', hostile)).toMatchObject({ status: 'failed' });
  exporter.forgetDatabase('again');
  expect(logger.lines.filter((line) => line.startsWith('warn hostile: '))).toHaveLength(1);
  await app.close();
  await new Promise((resolve) => setImmediate(resolve));
  expect(rejections).toEqual([]);
}

describe.each(['from the start', 'while it runs'])('a driver that %s', (when) => {
  /** Lets something happen instead of every statement. */
  async function expectHarmlessDriver(happen: () => unknown): Promise<void> {
    const hostile = await open();
    let isHostile = when === 'from the start';
    interceptStatements(hostile, async (send) => (isHostile ? happen() : send()));
    await expectHarmless(hostile, () => (isHostile = true));
  }

  it.each(ERRORS)('throws %s', (_name, value) =>
    expectHarmlessDriver(() => {
      throw value();
    }),
  );

  it.each(ANSWERS)('answers %s', (_name, value) => expectHarmlessDriver(value));
});

describe('a DataSource', () => {
  it.each(PROPERTIES)('whose %s throws', async (property) => {
    const dataSource = await open();
    const hostile = new Proxy(dataSource, {
      get(target, key, receiver) {
        if (key === property) throw Object.assign(itself('driverError'), { code: untouchable });
        return Reflect.get(target, key, receiver) as unknown;
      },
    });
    await expectHarmless(hostile);
  });

  it('that is a revoked proxy', async () => {
    const { proxy, revoke } = Proxy.revocable(await open(), {});
    const registry = new Registry();
    const { get, app } = await startApplication({
      imports: [
        sqliteModule(migrations, { name: 'healthy', applied: 42 }),
        PrometheusMigrationsModule.forRoot({ registry, maxAge: 0, dataSources: { hostile: proxy } }),
      ],
    });
    expect(readingsOf(await get(), 'hostile')).toMatchObject(READ);
    revoke();
    expect(readingsOf(await get(), 'hostile')).toMatchObject(FAILED);
    expect(readingsOf(await get(), 'healthy')).toMatchObject(READ);
    await app.close();
    expect(rejections).toEqual([]);
  });
});

describe('a logger', () => {
  it('that throws keeps neither the figures back nor the process from living', async () => {
    const { get, app } = await startApplication({
      imports: [
        sqliteModule(migrations, { name: 'healthy', applied: 42 }),
        PrometheusMigrationsModule.forRoot({ registry: new Registry(), maxAge: 0 }),
      ],
    });
    const lost = await open();
    Logger.overrideLogger({ log: thrower, warn: thrower, error: thrower });
    await expect(
      app.get(MigrationsExporter).exportMigrationsForDatabase('second', lost),
    ).resolves.toMatchObject({ status: 'read' });
    await lost.destroy();
    expect(readingsOf(await get(), 'second')).toMatchObject(FAILED);
    expect(readingsOf(await get(), 'healthy')).toMatchObject(READ);
    expect(rejections).toEqual([]);
  });
});
