import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { describe, expect, it, vi } from 'vitest';
import { MigrationsExporter } from '../../lib';
import type { TestDatabase } from '../support/databases';
import { readingsOf } from '../support/exposition';
import { type Dialect, DIALECTS, lockTable, migrate, migrations, waitingFor, WELL } from './faults';

/** ms; a reading is given up after ten of them. */
const TIMEOUT = 100;
/** ms; long enough to give up three readings. */
const LOCKED_FOR = 35 * TIMEOUT;

/** The application's own functions for its statements and rows. */
const FUNCTIONS = {
  queryFormat: (sql: string) => sql,
  typeCast: (_field: unknown, next: () => unknown) => next(),
};

/** Drivers, as the devDependencies name them: versions that differ in how a pool makes a connection. */
const MYSQL: readonly (readonly [name: string, options: object])[] = [
  ['mysql2-2.2', {}],
  ['mysql2-3.0', {}],
  ['mysql2-3.11', {}],
  ['mysql2-3.15', {}],
  ['mysql2-3.19', {}],
  ['mysql2', {}],
  ['mysql2', { poolSize: 1 }],
  ['mysql2', { extra: FUNCTIONS }],
];
const DRIVERS: Readonly<Record<Dialect['type'], typeof MYSQL>> = {
  postgres: [
    ['pg-8.5', {}],
    ['pg', {}],
    ['pg', { poolSize: 1 }],
  ],
  mariadb: MYSQL,
  mysql: MYSQL,
};

describe.each(DIALECTS.filter(({ available }) => available))('a locked table of $name', (dialect) => {
  it.concurrent.each(DRIVERS[dialect.type])(
    'has at most two statements waiting, and none after a shutdown: %s with %o',
    { timeout: 60_000 },
    async (driver, options) => {
      const server = await dialect.create();
      await migrate(dialect, server);
      const dataSource = await new DataSource({
        type: dialect.type,
        url: server.url,
        migrations,
        driver: (await import(driver)) as unknown,
        ...options,
      }).initialize();
      const registry = new Registry();
      const exporter = new MigrationsExporter({
        dataSources: { default: dataSource },
        registry,
        timeout: TIMEOUT,
        maxAge: 0,
      });
      const read = async () => readingsOf(await registry.metrics(), 'default');
      await exporter.exportMigrations();
      await vi.waitFor(async () => expect(await read()).toMatchObject(WELL), { timeout: 5000 });

      const unlock = await lockTable(dialect, server);
      expect(await mostWaiting(dialect, server, read)).toBeOneOf([1, 2]);
      exporter.close();
      const startedAt = performance.now();
      await dataSource.destroy();
      expect(performance.now() - startedAt).toBeLessThan(1000);
      await vi.waitFor(async () => expect(await waitingFor(dialect, server)).toBe(0), { timeout: 5000 });
      await unlock();
      await server.drop();
    },
  );
});

/** Scrapes without a pause while a table is locked: the most statements that ever waited. */
async function mostWaiting(
  dialect: Dialect,
  server: TestDatabase,
  read: () => Promise<Readonly<Record<string, number>>>,
): Promise<number> {
  const endAt = performance.now() + LOCKED_FOR;
  let most = 0;
  while (performance.now() < endAt) {
    expect(await read()).toMatchObject({ collection_success: 0 });
    most = Math.max(most, await waitingFor(dialect, server));
  }
  return most;
}
