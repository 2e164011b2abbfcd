import { TypeOrmModule, type TypeOrmModuleOptions } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import type { DataSourceOptions } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PrometheusMigrationsModule, type PrometheusMigrationsModuleOptions } from '../../lib';
import { closeApplications, startApplication } from '../support/applications';
import { runMigrations } from '../support/data-sources';
import {
  createMariadb,
  createPostgres,
  hasMariadb,
  type TestDatabase,
  uniqueName,
} from '../support/databases';
import { readingsOf, samples } from '../support/exposition';
import { defineMigrations } from '../support/migrations';
import { TcpProxy } from '../support/tcp-proxy';

/** ms that an answer may take beyond `timeout` on a busy machine: the database would never answer. */
const MARGIN = 5000;

const migrations = defineMigrations(45);
let postgres: TestDatabase;
let mariadb: TestDatabase | undefined;

beforeAll(async () => {
  postgres = await createPostgres();
  mariadb = hasMariadb ? await createMariadb() : undefined;
});
afterAll(async () => {
  await postgres.drop();
  await mariadb?.drop();
});
beforeEach(async () => {
  await postgres.run('DROP TABLE IF EXISTS migrations');
  await mariadb?.run('DROP TABLE IF EXISTS migrations');
});
afterEach(closeApplications);

/** Applies the first so many migrations, or reverts to them, as another process would. */
const migrate = (options: DataSourceOptions, count: number) =>
  runMigrations({ ...options, migrations: migrations.slice(0, count) });

const postgresOptions = (url = postgres.url) => ({ type: 'postgres', url, migrations }) as const;

function start(connections: TypeOrmModuleOptions[], options: PrometheusMigrationsModuleOptions = {}) {
  return startApplication({
    imports: [
      ...connections.map((connection) => TypeOrmModule.forRoot(connection)),
      PrometheusMigrationsModule.forRoot({ registry: new Registry(), maxAge: 0, ...options }),
    ],
  });
}

describe.skipIf(!hasMariadb)('three connections', () => {
  it('have each their own series: the whole exposition text', async () => {
    const userData = {
      type: 'mariadb',
      url: mariadb?.url as string,
      migrations: migrations.slice(0, 4),
    } as const;
    await migrate(postgresOptions(), 42);
    await migrate({ ...userData, migrations }, 6);
    const { get, logger } = await start([
      postgresOptions(),
      { ...userData, name: 'user_data' },
      { type: 'better-sqlite3', database: ':memory:', name: 'cache_db', migrations: migrations.slice(0, 2) },
    ]);
    expect(logger.lines).toEqual([
      'log default: migrations: 42 applied, 3 unapplied',
      'log user_data: migrations: 6 applied, 0 unapplied, 2 unknown to this code',
      'log cache_db: migrations: 0 applied, 2 unapplied',
    ]);
    const text = await get();
    const steady = text.replace(/^(.*_seconds{.*}) \d.*$/gm, '$1 <seconds>');
    await expect(steady).toMatchFileSnapshot('three-connections.prom');
  });
});

describe('a scrape', () => {
  it('shows what another process migrates, after maxAge and not before', async () => {
    const maxAge = 2000;
    const { get } = await start([postgresOptions()], { maxAge });
    // Read at start-up, some time before.
    const startedAt = performance.now();
    await migrate(postgresOptions(), 44);
    let text = await get();
    if (performance.now() - startedAt < maxAge / 2) {
      expect(readingsOf(text, 'default')).toMatchObject({ applied_total: 0, unapplied_total: 45 });
    }
    await expect
      .poll(async () => readingsOf((text = await get()), 'default')['applied_total'], {
        timeout: maxAge + 1000,
      })
      .toBe(44);
    expect(readingsOf(text, 'default')).toMatchObject({ applied_total: 44, unapplied_total: 1 });
  });

  it('tells a role that may only SELECT the right figures, and one that may not that it is denied', async () => {
    const role = uniqueName('reader');
    await migrate(postgresOptions(), 42);
    await postgres.run(
      `CREATE ROLE ${role} LOGIN PASSWORD 'secret-word'`,
      `GRANT SELECT ON migrations TO ${role}`,
    );
    const { get, logger } = await start([postgresOptions(postgres.as(role, 'secret-word'))]);
    expect(readingsOf(await get(), 'default')).toMatchObject({ applied_total: 42, unapplied_total: 3 });

    await postgres.run(`REVOKE SELECT ON migrations FROM ${role}`);
    const text = await get();
    expect(readingsOf(text, 'default')).toMatchObject({
      applied_total: -1,
      unapplied_total: -1,
      collection_success: 0,
    });
    const errors = 'typeorm_migrations_collection_errors_total{connection="default",reason="denied"}';
    expect(samples(text).get(errors)).toBe(1);

    await get();
    await postgres.run(`GRANT SELECT ON migrations TO ${role}`);
    await get();
    expect(logger.lines.slice(1)).toEqual([
      expect.stringMatching(/^warn default: migrations could not be read \(denied/),
      'log default: migrations readable again: 42 applied, 3 unapplied',
    ]);
    expect(`${text}${logger.lines.join()}`).not.toMatch(/secret-word|127\.0\.0\.1|SELECT/);
    await closeApplications();
    await postgres.run(`DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
  });
});

describe('a database that fails', () => {
  let proxy: TcpProxy;
  beforeEach(async () => {
    proxy = await TcpProxy.before(postgres.url, 5432);
    await migrate(postgresOptions(), 42);
  });
  afterEach(async () => {
    await closeApplications();
    await proxy.close();
  });
  const throughProxy = () => postgresOptions(proxy.url(postgres.url));
  const healthy = { type: 'better-sqlite3', database: ':memory:', name: 'healthy', migrations } as const;

  it('never reads as 0 pending: it reads -1, and the others read on', async () => {
    const { get, logger } = await start([throughProxy(), healthy]);
    proxy.set('cut');
    for (let scrape = 0; scrape < 3; scrape += 1) {
      const text = await get();
      expect(readingsOf(text, 'default')).toMatchObject({ applied_total: -1, unapplied_total: -1 });
      expect(readingsOf(text, 'healthy')).toMatchObject({ applied_total: 0, unapplied_total: 45 });
    }
    proxy.set('none');
    expect(readingsOf(await get(), 'default')).toMatchObject({ applied_total: 42, unapplied_total: 3 });
    expect(logger.lines.filter((line) => line.includes('default'))).toEqual([
      'log default: migrations: 42 applied, 3 unapplied',
      expect.stringMatching(/^warn default: migrations could not be read \(unreachable/),
      'log default: migrations readable again: 42 applied, 3 unapplied',
    ]);
  });

  it('never hangs a scrape, and is read again when it answers', async () => {
    const timeout = 300;
    const { get } = await start([throughProxy(), healthy], { timeout });
    proxy.set('stall');
    const startedAt = performance.now();
    expect(readingsOf(await get(), 'default')).toMatchObject({ applied_total: -1, collection_success: 0 });
    const text = await get();
    expect(performance.now() - startedAt).toBeLessThan(timeout + MARGIN);
    expect(readingsOf(text, 'default')).toMatchObject({ applied_total: -1, collection_success: 0 });
    expect(readingsOf(text, 'healthy')).toMatchObject({ unapplied_total: 45 });

    proxy.set('none');
    await expect
      .poll(async () => readingsOf(await get(), 'default'), { timeout: 10_000 })
      .toMatchObject({ applied_total: 42, collection_success: 1 });
  });

  it('holds the start no longer than the time-out, and does not stop it', async () => {
    const timeout = 300;
    let bootstrapStartedAt = 0;
    const { get, logger } = await startApplication(
      {
        imports: [
          TypeOrmModule.forRoot(throughProxy()),
          PrometheusMigrationsModule.forRoot({ registry: new Registry(), timeout }),
        ],
      },
      () => {
        proxy.set('stall');
        bootstrapStartedAt = performance.now();
      },
    );
    expect(performance.now() - bootstrapStartedAt).toBeLessThan(timeout + MARGIN);
    expect(logger.lines).toEqual([
      'warn default: migrations could not be read (timeout). Metrics report -1 until the database is readable again.',
    ]);
    expect(readingsOf(await get(), 'default')).toMatchObject({ applied_total: -1 });
    proxy.set('none');
  });
});
