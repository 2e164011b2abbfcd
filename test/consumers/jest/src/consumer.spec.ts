import type { INestApplication } from '@nestjs/common';
import { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import { assertFigures, assertNothingWritten, scrape, start } from './application';
import { Registry } from './client';

describe('an application in Jest', () => {
  let app: INestApplication;

  afterEach(() => app.close());

  it('runs on the Node.js that the matrix names', async () => {
    app = await start({});
    expect(process.version).toBe(process.env['MATRIX_NODE']);
  });

  // Twice the same: the second finds the default registry as free as the first did.
  it.each(['first', 'second'])('serves the figures from the default registry (%s application)', async () => {
    app = await start({ imports: [PrometheusMigrationsModule.forRoot()] });
    await assertFigures(app);
    await assertNothingWritten(app);
  });

  it('takes its path from forRootAsync', async () => {
    app = await start({
      imports: [
        PrometheusMigrationsModule.forRootAsync({ useFactory: async () => ({ path: '/internal/metrics' }) }),
      ],
    });
    await assertFigures(app, { path: '/internal/metrics' });
    expect((await scrape(app)).status).toBe(404);
  });

  it('stands twice in one application, on two registries and paths', async () => {
    app = await start({
      imports: [
        PrometheusMigrationsModule.forRoot({ registry: new Registry(), path: '/one' }),
        PrometheusMigrationsModule.forRoot({ registry: new Registry(), path: '/two', prefix: 'django' }),
      ],
    });
    await assertFigures(app, { path: '/one' });
    await assertFigures(app, { path: '/two', family: 'django' });
  });
});
