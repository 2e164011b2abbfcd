import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type INestApplication, Injectable } from '@nestjs/common';
import {
  type MigrationReading,
  MigrationsExporter,
  PrometheusMigrationsModule,
} from 'nestjs-prometheus-migrations';
import { assertFigures, assertNothingWritten, scrape, start } from './application.js';
import { Registry } from './client.js';

@Injectable()
class MigrationsService {
  // By type alone, as users inject it: the class must survive as decorator metadata.
  constructor(private readonly exporter: MigrationsExporter) {}

  read(): Promise<readonly MigrationReading[]> {
    return this.exporter.exportMigrations();
  }
}

describe('an application', () => {
  let app: INestApplication;

  afterEach(() => app.close());

  it('runs on the Node.js that the matrix names', async () => {
    app = await start({});
    assert.equal(process.version, process.env['MATRIX_NODE']);
  });

  // Twice the same: the second finds the default registry as free as the first did.
  for (const which of ['first', 'second']) {
    it(`serves the figures from the default registry (${which} application)`, async () => {
      app = await start({ imports: [PrometheusMigrationsModule.forRoot()] });
      await assertFigures(app);
      await assertNothingWritten(app);
    });
  }

  it('stands twice in one application, with options of either kind', async () => {
    app = await start({
      imports: [
        PrometheusMigrationsModule.forRoot({ registry: new Registry(), path: '/one' }),
        PrometheusMigrationsModule.forRootAsync({
          useFactory: async () => ({ registry: new Registry(), path: '/two', prefix: 'django' }),
        }),
      ],
    });
    await assertFigures(app, { path: '/one' });
    await assertFigures(app, { path: '/two', family: 'django' });
  });

  it('stands twice in one application, with factories of the same text', async () => {
    const imports = ['/one', '/two'].map((path) =>
      PrometheusMigrationsModule.forRootAsync({ useFactory: () => ({ registry: new Registry(), path }) }),
    );
    app = await start({ imports });
    await assertFigures(app, { path: '/one' });
    await assertFigures(app, { path: '/two' });
  });

  it('collects the default metrics', async () => {
    app = await start({
      imports: [PrometheusMigrationsModule.forRoot({ registry: new Registry(), defaultMetrics: true })],
    });
    assert.match((await scrape(app)).body, /^process_cpu_user_seconds_total \d/m);
  });

  it('starts with an exporter that a test writes by hand: it has no hidden members', async () => {
    const fake: MigrationsExporter = {
      registry: new Registry(),
      exportMigrations: async () => [],
      exportMigrationsForDatabase: async (connection) => ({
        connection,
        status: 'failed',
        reason: 'other',
        durationSeconds: 0,
      }),
      forgetDatabase: () => {},
      close: () => {},
    };
    app = await start({
      imports: [PrometheusMigrationsModule.forRoot()],
      providers: [{ provide: MigrationsExporter, useValue: fake }, MigrationsService],
    });
    assert.deepEqual(await app.get(MigrationsService).read(), []);
    await assertFigures(app);
  });

  it('injects the exporter', async () => {
    app = await start({ imports: [PrometheusMigrationsModule.forRoot()], providers: [MigrationsService] });
    const [reading] = await app.get(MigrationsService).read();
    assert.ok(reading?.status === 'read');
    assert.equal(reading.connection, 'default');
    assert.deepEqual(reading.state.applied, ['CreateAuthor1700000000000']);
    assert.deepEqual(reading.state.unapplied, ['CreateBook1700000001000', 'CreateReview1700000002000']);
  });
});
