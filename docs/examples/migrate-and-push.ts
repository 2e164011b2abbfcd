import { instrumentMigrations } from 'nestjs-prometheus-migrations';
import { Pushgateway, Registry } from 'prom-client';
import { dataSource } from './data-source.js';

// A registry of its own: the run is pushed, and nothing else.
const registry = new Registry();
instrumentMigrations(dataSource, { registry });

async function main(): Promise<void> {
  await dataSource.initialize();
  try {
    await dataSource.runMigrations();
  } finally {
    await push();
    await dataSource.destroy();
  }
}

/** The migrations decide about the exit code. A push that fails is logged, and changes nothing. */
async function push(): Promise<void> {
  try {
    const url = process.env.PUSHGATEWAY_URL ?? 'http://pushgateway:9091';
    const gateway = new Pushgateway(url, { timeout: 10_000 }, registry);
    // The labels of the application's own series. Leave out `namespace` if they have none.
    // `push` replaces what the run before has pushed.
    await gateway.push({ jobName: 'orders', groupings: { namespace: 'shop' } });
  } catch (error) {
    console.error('The outcome of the run was not pushed:', error instanceof Error ? error.message : error);
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
