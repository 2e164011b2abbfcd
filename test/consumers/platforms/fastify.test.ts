import assert from 'node:assert/strict';
import { it } from 'node:test';
import { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import { assertFigures, scrape, start } from './application.js';
import { Registry } from './client.js';
import { Adapter } from './platform.js';

it('a catch-all route of Fastify takes nothing away', async () => {
  const adapter = new Adapter();
  adapter.getInstance().get('/*', async () => 'a page');
  const app = await start(
    { imports: [PrometheusMigrationsModule.forRoot({ registry: new Registry() })] },
    adapter,
  );
  try {
    await assertFigures(app);
    await assertFigures(app, { path: '/metrics/' });
    assert.equal((await scrape(app, '/elsewhere')).body, 'a page');
  } finally {
    await app.close();
  }
});
