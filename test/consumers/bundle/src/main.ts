import assert from 'node:assert/strict';
import { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import { assertFigures, assertNothingWritten, start } from './application.js';
import { register } from './client.js';

async function main(): Promise<void> {
  assert.equal(process.version, process.env['MATRIX_NODE']);
  const app = await start({ imports: [PrometheusMigrationsModule.forRoot({ defaultMetrics: true })] });
  await assertFigures(app);
  await assertNothingWritten(app);
  assert.match(await register.metrics(), /^process_cpu_user_seconds_total \d/m);
  await app.close();
  console.log('served the figures');
}

void main();
