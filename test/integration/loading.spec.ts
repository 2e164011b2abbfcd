import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MigrationsExporter, MigrationsHealthIndicator, PrometheusMigrationsModule } from '../../lib';
import { DefinedMigrations } from '../../lib/migration/defined';
import { closeApplications, startApplication } from '../support/applications';
import { closeDataSources, closeLater } from '../support/data-sources';
import { defineMigrations } from '../support/migrations';
import { loadSecondTypeorm } from '../support/second-typeorm';

const require = createRequire(__filename);
let directory: string;

/** Files wait until their gate is open, as one does that asks a service with top-level `await`. */
const gates = new Map<string, { readonly passed: Promise<void>; readonly open: () => void }>();

function gateOf(name: string) {
  let gate = gates.get(name);
  if (gate === undefined) {
    let open = (): void => undefined;
    const passed = new Promise<void>((resolve) => (open = resolve));
    gates.set(name, (gate = { passed, open }));
  }
  return gate;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'loading-'));
  await writeFile(join(directory, 'package.json'), '{}');
  Object.assign(globalThis, { gateOf: (name: string) => gateOf(name).passed });
});
afterEach(async () => {
  for (const { open } of gates.values()) open();
  gates.clear();
  await closeApplications();
  await closeDataSources();
  await rm(directory, { recursive: true });
});

const GATED = (name: string) => `await globalThis.gateOf('${name}');\n`;
const MIGRATION = 'export class First1700000000000 { async up() {} async down() {} }\n';
const ENTITY =
  `import typeorm from ${JSON.stringify(require.resolve('typeorm'))};\n` +
  "export const Order = new typeorm.EntitySchema({ name: 'Order', columns: { id: { type: 'int', primary: true } } });\n";

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
}

/** The names that are read of a DataSource by somebody who has not seen it before, or the reason why not. */
async function firstLook(dataSource: DataSource): Promise<unknown> {
  return look(new DefinedMigrations(dataSource, 50));
}

async function look(migrations: DefinedMigrations): Promise<unknown> {
  return migrations.read().then(
    ({ names }) => names.length,
    ({ reason }: { reason: unknown }) => reason,
  );
}

const GLOBS = () => ({
  entities: [join(directory, 'entities', '*')],
  migrations: [join(directory, 'migrations', '*')],
});

describe.each([
  ['the copy of TypeORM that this package finds', DataSource],
  ['another copy', loadSecondTypeorm().DataSource],
])('initialize() that nobody awaits, with %s', (_copy, Class) => {
  function create(options: object): DataSource {
    return closeLater(new Class({ type: 'sqljs', ...options }));
  }

  async function connecting(options: object) {
    const dataSource = create(options);
    const initialized = dataSource.initialize();
    // A test may fail before it awaits it.
    initialized.catch(() => undefined);
    while (!dataSource.isInitialized) await setImmediate();
    return { dataSource, initialized };
  }

  it('is uninitialized while entities load, and while migrations load, whoever looks when', async () => {
    await write({
      'entities/a.mjs': GATED('entities') + ENTITY,
      'migrations/a.mjs': GATED('migrations') + MIGRATION,
    });
    const { dataSource, initialized } = await connecting(GLOBS());
    const steady = new DefinedMigrations(dataSource, 50);
    expect(await look(steady)).toBe('uninitialized');
    expect(await firstLook(dataSource)).toBe('uninitialized');

    gateOf('entities').open();
    while (dataSource.entityMetadatas.length === 0) await setImmediate();
    expect(await look(steady)).toBe('uninitialized');
    expect(await firstLook(dataSource)).toBe('uninitialized');

    gateOf('migrations').open();
    await initialized;
    expect(await look(steady)).toBe(1);
    expect(await firstLook(dataSource)).toBe(1);
  });

  it('is uninitialized while subscribers load, which come first', async () => {
    await write({ 'subscribers/a.mjs': GATED('subscribers'), 'migrations/a.mjs': MIGRATION });
    const { dataSource, initialized } = await connecting({
      subscribers: [join(directory, 'subscribers', '*')],
      migrations: [join(directory, 'migrations', '*')],
    });
    expect(await firstLook(dataSource)).toBe('uninitialized');
    gateOf('subscribers').open();
    await initialized;
    expect(await firstLook(dataSource)).toBe(1);
  });

  it('does not load a migration before TypeORM does', async () => {
    await write({
      'entities/a.mjs': GATED('entities') + ENTITY,
      'migrations/a.mjs': `globalThis.gateOf.loaded = true;\n${MIGRATION}`,
    });
    const { dataSource, initialized } = await connecting(GLOBS());
    expect(await firstLook(dataSource)).toBe('uninitialized');
    expect(Reflect.get(globalThis, 'gateOf')).not.toHaveProperty('loaded');
    gateOf('entities').open();
    await initialized;
    expect(Reflect.get(globalThis, 'gateOf')).toHaveProperty('loaded');
  });

  it('is uninitialized with a list of classes while entities load', async () => {
    await write({ 'entities/a.mjs': GATED('entities') + ENTITY });
    const { dataSource, initialized } = await connecting({ ...GLOBS(), migrations: defineMigrations(2) });
    expect(await firstLook(dataSource)).toBe('uninitialized');
    gateOf('entities').open();
    await initialized;
    expect(await firstLook(dataSource)).toBe(2);
  });

  it('is uninitialized if a migration file fails to load', async () => {
    await write({ 'migrations/a.mjs': `${GATED('migrations')}throw new Error('broken');\n` });
    const { dataSource, initialized } = await connecting({ migrations: GLOBS().migrations });
    expect(await firstLook(dataSource)).toBe('uninitialized');
    gateOf('migrations').open();
    await expect(initialized).rejects.toThrow('broken');
    expect(await firstLook(dataSource)).toBe('uninitialized');
  });

  it.each<[string, Readonly<Record<string, string>>, () => object]>([
    ['a glob that matches nothing', {}, () => ({ migrations: GLOBS().migrations })],
    ['globs of which none matches anything', {}, GLOBS],
    ['a glob that matches nothing, beside entities', { 'entities/a.mjs': ENTITY }, GLOBS],
    ['a file that exports no migration', { 'migrations/index.cjs': '' }, GLOBS],
    ['the same beside entities', { 'migrations/index.cjs': '', 'entities/a.mjs': ENTITY }, GLOBS],
    ['declarations only', { 'migrations/a.d.ts': 'export declare class A1700000000000 {}' }, GLOBS],
    ['an empty list', { 'entities/a.mjs': ENTITY }, () => ({ ...GLOBS(), migrations: [] })],
    ['no list', { 'entities/a.mjs': ENTITY }, () => ({ entities: GLOBS().entities })],
    ['an empty object', {}, () => ({ migrations: {} })],
  ])('reads 0 defined, at the first look and at every later one: %s', async (_what, files, options) => {
    await write(files);
    const dataSource = create(options());
    const early = new DefinedMigrations(dataSource);
    expect(await look(early)).toBe('uninitialized');
    for (let round = 0; round < 2; round += 1) {
      await dataSource.initialize();
      expect(await look(early)).toBe(0);
      expect(await look(early)).toBe(0);
      expect(await look(new DefinedMigrations(dataSource))).toBe(0);
      await dataSource.destroy();
      expect(await look(early)).toBe('uninitialized');
      expect(await look(new DefinedMigrations(dataSource))).toBe('uninitialized');
    }
  });

  it('changes nothing about the DataSource, and makes no entity, subscriber or log line', async () => {
    await write({ 'migrations/index.cjs': '', 'entities/a.mjs': ENTITY });
    const lines: string[] = [];
    const log = (_level: string, message: string) => void lines.push(message);
    class Counted {
      static made = 0;
      constructor() {
        Counted.made += 1;
      }
    }
    const dataSource = create({ ...GLOBS(), subscribers: [Counted], logger: { log } });
    await dataSource.initialize();
    const before = { ...dataSource };
    lines.length = 0;
    Counted.made = 0;
    const proxy = new Proxy(dataSource, {
      set: (_target, key) => {
        throw new Error(`set ${String(key)}`);
      },
    });
    expect(await firstLook(proxy)).toBe(0);
    expect({ ...dataSource }).toEqual(before);
    expect(dataSource.entityMetadatas).toBe(before.entityMetadatas);
    expect(dataSource.migrations).toBe(before.migrations);
    expect(Counted.made).toBe(0);
    expect(lines).toEqual([]);
  });
});

it('an application whose migrations still load is not ready, and its exporter says so', async () => {
  await write({ 'migrations/a.mjs': GATED('migrations') + MIGRATION });
  const options: DataSourceOptions = { type: 'sqljs', migrations: GLOBS().migrations };
  const { app } = await startApplication({
    imports: [
      TypeOrmModule.forRootAsync({
        useFactory: () => options,
        dataSourceFactory: async (given) => {
          const dataSource = new DataSource(given as DataSourceOptions);
          void dataSource.initialize();
          while (!dataSource.isInitialized) await setImmediate();
          return dataSource;
        },
      }),
      PrometheusMigrationsModule.forRoot({
        onUnapplied: 'fail',
        maxAge: 0,
        timeout: 500,
        readiness: { once: true, path: '/readyz' },
      }),
    ],
  });
  const dataSource = app.get(DataSource);
  const isUpToDate = async () => {
    const { migrations } = await app.get(MigrationsHealthIndicator).isUpToDate('migrations');
    return migrations;
  };
  expect(await isUpToDate()).toMatchObject({
    status: 'down',
    connections: { default: { status: 'unreadable', reason: 'uninitialized' } },
  });
  expect(await app.get(MigrationsExporter).exportMigrationsForDatabase('default', dataSource)).toMatchObject({
    status: 'failed',
    reason: 'uninitialized',
  });

  gateOf('migrations').open();
  while (dataSource.migrations.length === 0) await setImmediate();
  expect(await isUpToDate()).toMatchObject({
    status: 'down',
    connections: { default: { status: 'unapplied', unapplied: 1 } },
  });
  await dataSource.runMigrations();
  expect(await isUpToDate()).toMatchObject({ status: 'up' });
});
