import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { getDataSourceToken, TypeOrmModule, type TypeOrmModuleOptions } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PrometheusMigrationsModule, type PrometheusMigrationsModuleOptions } from '../../lib';
import { closeApplications, record, startApplication } from '../support/applications';
import { createPostgres, type TestDatabase } from '../support/databases';
import { readingsOf } from '../support/exposition';
import { defineMigration } from '../support/migrations';

const require = createRequire(__filename);
const ENTITIES = 40;
const STEPS = [0, 1, 2].map((step) => `Step${1_700_000_000_000 + step}`);

const UNREADABLE = { applied: -1, unapplied: -1, success: 0 };
const READ = { applied: 2, unapplied: 1, success: 1, defined: 3, unknown: 0 };

let directory: string;
let postgres: TestDatabase;

beforeAll(async () => {
  postgres = await createPostgres();
});
afterAll(() => postgres.drop());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'initialization-'));
  await writeFile(join(directory, 'package.json'), '{}');
  await postgres.run('DROP TABLE IF EXISTS migrations');
});
afterEach(async () => {
  await closeApplications();
  await rm(directory, { recursive: true });
});

/** Files of an application, that take some milliseconds to load: entities, and then migrations. */
async function writeFiles(milliseconds = 0): Promise<Pick<DataSourceOptions, 'entities' | 'migrations'>> {
  const slowly = `await new Promise((resolve) => setTimeout(resolve, ${milliseconds}));\n`;
  const typeorm = JSON.stringify(require.resolve('typeorm'));
  await Promise.all(['entities', 'migrations'].map((folder) => mkdir(join(directory, folder))));
  const entities = Array.from({ length: ENTITIES }, (_, index) =>
    writeFile(
      join(directory, 'entities', `e${index}.entity.mjs`),
      `import typeorm from ${typeorm};\n${slowly}` +
        `export const E${index} = new typeorm.EntitySchema({ name: 'E${index}', columns: { id: { type: 'int', primary: true } } });\n`,
    ),
  );
  const migrations = STEPS.map((name) =>
    writeFile(
      join(directory, 'migrations', `${name}.mjs`),
      `${slowly}export class ${name} { async up() {} async down() {} }\n`,
    ),
  );
  await Promise.all([...entities, ...migrations]);
  return {
    entities: [join(directory, 'entities', '*.mjs')],
    migrations: [join(directory, 'migrations', '*.mjs')],
  };
}

function figuresOf(text: string) {
  const { applied_total, unapplied_total, collection_success, defined, unknown } = readingsOf(
    text,
    'default',
  );
  return {
    applied: applied_total,
    unapplied: unapplied_total,
    success: collection_success,
    ...(defined !== undefined && { defined, unknown }),
  };
}

/** Scrapes on and on while something happens; tells what was seen, each once, in the order of the first. */
async function scrapeDuring(
  scrape: () => Promise<object>,
  happening: Promise<unknown>,
): Promise<readonly object[]> {
  const seen = new Map<string, object>();
  let isOver = false;
  void happening.then(() => (isOver = true));
  while (!isOver) {
    const figures = await scrape();
    seen.set(JSON.stringify(figures), figures);
    await setImmediate();
  }
  return [...seen.values()];
}

describe.each(['postgres', 'better-sqlite3'] as const)('initialize() (%s)', (type) => {
  const connection = () =>
    (type === 'postgres'
      ? { type, url: postgres.url }
      : { type, database: join(directory, 'test.db') }) as TypeOrmModuleOptions & DataSourceOptions;

  /** Another process has run the first two. */
  async function migrate(): Promise<void> {
    const dataSource = new DataSource({ ...connection(), migrations: STEPS.map(defineMigration) });
    await record(await dataSource.initialize(), 2);
    await dataSource.destroy();
  }

  async function start(
    imports: Parameters<typeof startApplication>[0]['imports'] & object,
    options: PrometheusMigrationsModuleOptions = {},
  ) {
    const registry = new Registry();
    const { app, logger } = await startApplication({
      imports: [...imports, PrometheusMigrationsModule.forRoot({ registry, maxAge: 0, ...options })],
    });
    const dataSource = app.get<DataSource>(getDataSourceToken());
    return { dataSource, logger, scrape: async () => figuresOf(await registry.metrics()) };
  }
  const byHand = (options: object) =>
    TypeOrmModule.forRoot({ ...connection(), ...options, manualInitialization: true });
  /** As applications do that do not want to wait for their database: nobody awaits `initialize()`. */
  const inTheBackground = (options: object) =>
    TypeOrmModule.forRootAsync({
      useFactory: () => ({ ...connection(), ...options }),
      dataSourceFactory: async (all) => {
        const dataSource = new DataSource(all as DataSourceOptions);
        void dataSource.initialize();
        return dataSource;
      },
    });

  beforeEach(migrate);

  it('reads -1 until entities and migrations are loaded from their globs', async () => {
    const { dataSource, logger, scrape } = await start([byHand(await writeFiles())]);
    const seen = await scrapeDuring(scrape, dataSource.initialize());
    expect([UNREADABLE, READ]).toEqual(expect.arrayContaining([...seen]));
    expect(await scrape()).toEqual(READ);
    expect(logger.lines).toEqual([
      expect.stringMatching(/^warn default: migrations could not be read \(uninitialized\)/),
      'log default: migrations readable again: 2 applied, 1 unapplied',
    ]);
  });

  it('reads -1 for as long as they take to load', async () => {
    const { dataSource, scrape } = await start([byHand(await writeFiles(700))]);
    const seen = await scrapeDuring(scrape, dataSource.initialize());
    expect(seen[0]).toEqual(UNREADABLE);
    expect([UNREADABLE, READ]).toEqual(expect.arrayContaining([...seen]));
    expect(await scrape()).toEqual(READ);
  });

  it.each([0, 700])('reads -1 until then where nobody waits for it (%i ms)', async (milliseconds) => {
    const { dataSource, scrape } = await start([inTheBackground(await writeFiles(milliseconds))]);
    const ready = async () => {
      while (dataSource.migrations.length === 0) await setImmediate();
    };
    const seen = await scrapeDuring(scrape, ready());
    expect([UNREADABLE, READ]).toEqual(expect.arrayContaining([...seen]));
    expect(await scrape()).toEqual(READ);
  });

  it.each([
    ['by hand', byHand],
    ['in the background', inTheBackground],
  ])("is read once with refresh: 'bootstrap', when it is ready: %s", async (_how, module) => {
    const files = await writeFiles(300);
    const { dataSource, scrape } = await start([module(files)], { refresh: 'bootstrap', timeout: 500 });
    const ready = async () => {
      if (module === byHand) await dataSource.initialize();
      while (dataSource.migrations.length === 0) await setImmediate();
    };
    const seen = await scrapeDuring(scrape, ready());
    expect([UNREADABLE, READ]).toEqual(expect.arrayContaining([...seen]));
    expect(await scrape()).toEqual(READ);
    await dataSource.runMigrations({ fake: true });
    expect(await scrape()).toEqual(READ);
  });

  it('reads -1 from destroy() until it is initialized again', async () => {
    const { dataSource, scrape } = await start([byHand(await writeFiles())]);
    await dataSource.initialize();
    expect(await scrape()).toEqual(READ);
    for (let round = 0; round < 2; round += 1) {
      await dataSource.destroy();
      expect(await scrape()).toEqual(UNREADABLE);
      const seen = await scrapeDuring(scrape, dataSource.initialize());
      expect([UNREADABLE, READ]).toEqual(expect.arrayContaining([...seen]));
      expect(await scrape()).toEqual(READ);
    }
  });

  it('counts all that are defined while initialize() runs them', async () => {
    const { dataSource, scrape } = await start([byHand({ ...(await writeFiles()), migrationsRun: true })]);
    const seen = await scrapeDuring(scrape, dataSource.initialize());
    const all = { ...READ, applied: 3, unapplied: 0 };
    expect([UNREADABLE, READ, all]).toEqual(expect.arrayContaining([...seen]));
    expect(await scrape()).toEqual(all);
  });

  it.each<[string, object, PrometheusMigrationsModuleOptions]>([
    ['alone', {}, {}],
    ['beside a list of entities that is empty', { entities: [] }, {}],
    ['with a short time-out, once for all', {}, { refresh: 'bootstrap', timeout: 400 }],
  ])('reads a glob that matches nothing as none defined: %s', async (_what, rest, options) => {
    const startedAt = performance.now();
    const migrations = [join(directory, 'nowhere', '*.js')];
    const { scrape } = await start(
      [TypeOrmModule.forRoot({ ...connection(), ...rest, migrations })],
      options,
    );
    expect(await scrape()).toEqual({ applied: 2, unapplied: 0, success: 1, defined: 0, unknown: 2 });
    expect(performance.now() - startedAt).toBeLessThan(2500);
  });
});
