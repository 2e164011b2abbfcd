import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { instrumentMigrations } from 'nestjs-prometheus-migrations';
import { Registry } from 'prom-client';
import { dataSource } from './data-source.js';

// A registry of its own: the run is written, and nothing else.
const registry = new Registry();
instrumentMigrations(dataSource, { registry, connection: 'orders' });

async function main(): Promise<void> {
  await dataSource.initialize();
  try {
    await dataSource.runMigrations();
  } finally {
    await write(process.env.TEXTFILE ?? '/var/lib/prometheus/node-exporter/orders-migrations.prom');
    await dataSource.destroy();
  }
}

/** The migrations decide about the exit code. A file that cannot be written is logged, and changes nothing. */
async function write(file: string): Promise<void> {
  // The collector reads files that end in .prom. The rename puts the whole file there at once.
  const temporary = `${file}.${process.pid}`;
  try {
    await writeFile(temporary, await registry.metrics());
    await chmod(temporary, 0o644);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    console.error('The outcome of the run was not written:', error instanceof Error ? error.message : error);
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
