import {
  type ArgumentsHost,
  type CallHandler,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, HttpAdapterHost } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import { map, type Observable } from 'rxjs';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PrometheusMigrationsModule } from '../../lib';
import { closeApplications, record, sqliteModule, startApplication } from '../support/applications';
import { MYSQL_SERVERS, type TestDatabase } from '../support/databases';
import { readingsOf } from '../support/exposition';
import { defineMigrations } from '../support/migrations';
import { PLATFORM_NAMES, PLATFORMS } from '../support/platforms';
import { StatementLog } from '../support/statements';

const migrations = defineMigrations(3);

afterEach(closeApplications);

/** Counts what TypeORM logs with `logging: ['error']`. */
class ErrorLog extends StatementLog {
  errors = 0;

  override logQueryError(): void {
    this.errors += 1;
  }
}

for (const { name, type, available, create } of MYSQL_SERVERS) {
  describe.skipIf(!available)(name, () => {
    let database: TestDatabase;
    let log: ErrorLog;

    beforeEach(async () => {
      database = await create();
      log = new ErrorLog();
      return () => database.drop().catch(() => {});
    });

    async function start() {
      const { get } = await startApplication({
        imports: [
          TypeOrmModule.forRoot({
            type,
            url: database.url,
            migrations,
            logger: log,
            logging: ['error'],
          }),
          PrometheusMigrationsModule.forRoot({ registry: new Registry(), maxAge: 0 }),
        ],
      });
      return async () => readingsOf(await get(), 'default');
    }
    async function migrate(count: number) {
      const dataSource = await new DataSource({
        type,
        url: database.url,
        migrations,
      }).initialize();
      await record(dataSource, count);
      await dataSource.destroy();
    }
    const MISSING = { applied_total: 0, unapplied_total: 3, collection_success: 1 };

    it('without the table has one line in the error log, and none at the scrapes', async () => {
      const read = await start();
      for (let scrape = 0; scrape < 10; scrape += 1) expect(await read()).toMatchObject(MISSING);
      expect(log.errors).toBe(1);
      await migrate(2);
      expect(await read()).toMatchObject({ applied_total: 2, unapplied_total: 1 });
      expect(log.errors).toBe(1);
    });

    it('of which the table is dropped and comes back, time and again, has one line for each', async () => {
      await migrate(1);
      const read = await start();
      for (let drop = 1; drop <= 3; drop += 1) {
        await database.run('DROP TABLE migrations');
        for (let scrape = 0; scrape < 5; scrape += 1) expect(await read()).toMatchObject(MISSING);
        expect(log.errors).toBeLessThanOrEqual(2 * drop);
        const lines = log.errors;
        for (let scrape = 0; scrape < 5; scrape += 1) await read();
        expect(log.errors).toBe(lines);
        await migrate(1);
        expect(await read()).toMatchObject({ applied_total: 1, unapplied_total: 2 });
      }
    });

    it('that is dropped while connections are open is unreachable, and read again when it is back', async () => {
      await migrate(2);
      const read = await start();
      expect(await read()).toMatchObject({ applied_total: 2, collection_success: 1 });
      await database.run(`DROP DATABASE ${database.name}`);
      for (let scrape = 0; scrape < 3; scrape += 1)
        expect(await read()).toMatchObject({ applied_total: -1, unapplied_total: -1, collection_success: 0 });
      const administrator = new DataSource({ type, url: new URL('/', database.url).href });
      await administrator.initialize();
      await administrator.query(`CREATE DATABASE ${database.name}`);
      await administrator.destroy();
      await migrate(1);
      expect(await read()).toMatchObject({ applied_total: 1, unapplied_total: 2, collection_success: 1 });
    });
  });
}

/** Sets a header when the handler has answered, as many an application does for its timings. */
@Injectable()
class TimingInterceptor implements NestInterceptor {
  constructor(private readonly host: HttpAdapterHost) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      map((data: unknown) => {
        this.host.httpAdapter.setHeader?.(context.switchToHttp().getResponse(), 'x-timing', '1');
        return { data };
      }),
    );
  }
}

let caught: unknown[];

@Catch()
class AsynchronousFilter implements ExceptionFilter {
  async catch(error: unknown, _host: ArgumentsHost): Promise<void> {
    caught.push(error);
    await Promise.resolve();
    throw error;
  }
}

describe.each(PLATFORM_NAMES)(
  'on %s an interceptor that sets a header after the handler, and an asynchronous filter',
  (platform) => {
    let rejections: unknown[];

    beforeEach(() => {
      caught = [];
      rejections = [];
      const onRejection = (error: unknown) => void rejections.push(error);
      process.on('unhandledRejection', onRejection);
      return () => void process.off('unhandledRejection', onRejection);
    });

    it.each(['GET', 'HEAD'])('meet no error at a scrape (%s)', async (method) => {
      const { fetch } = await startApplication(
        {
          imports: [
            sqliteModule(migrations, { applied: 2 }),
            PrometheusMigrationsModule.forRoot({ registry: new Registry() }),
          ],
          providers: [
            { provide: APP_INTERCEPTOR, useClass: TimingInterceptor },
            { provide: APP_FILTER, useClass: AsynchronousFilter },
          ],
        },
        () => {},
        PLATFORMS[platform],
      );
      for (let scrape = 0; scrape < 5; scrape += 1) {
        const response = await fetch('/metrics', { method });
        const text = await response.text();
        expect([response.status, response.headers.get('x-timing')]).toEqual([200, '1']);
        expect(response.headers.get('content-type')).toBe(Registry.PROMETHEUS_CONTENT_TYPE);
        if (method === 'GET') expect(readingsOf(text, 'default')).toMatchObject({ applied_total: 2 });
      }
      await new Promise((resolve) => setImmediate(resolve));
      expect([caught, rejections]).toEqual([[], []]);
    });
  },
);
