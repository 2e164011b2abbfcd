import assert from 'node:assert/strict';
import cluster, { type Worker } from 'node:cluster';
import { after, describe, it } from 'node:test';
import { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import { start } from './application.js';
import { ClusterRegistry, register } from './client.js';

const WORKERS = 2;
const STARTED = 'started';
const aggregator = new ClusterRegistry(); // in the workers as well: it makes them answer

async function work(): Promise<void> {
  await start({ imports: [PrometheusMigrationsModule.forRoot({ path: false })] });
  process.send?.(STARTED);
}

/** Clients exchange messages of their own. */
function started(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message) => message === STARTED && resolve());
    worker.once('exit', (code) => reject(new Error(`Worker ${worker.id} ended with code ${code}`)));
  });
}

// This file is the worker's as well.
if (cluster.isWorker) void work();
else {
  describe("Node's cluster", () => {
    after(() => cluster.disconnect());

    it('shows the figures of several workers as those of one', async () => {
      cluster.setupPrimary({ execArgv: [], silent: true });
      const workers = Array.from({ length: WORKERS }, () => cluster.fork());
      await Promise.all(workers.map(started));

      const metrics = await aggregator.clusterMetrics();

      assert.deepEqual(register.getMetricsAsArray(), []);
      assert.match(metrics, /^typeorm_migrations_applied_total\{connection="default"\} 1$/m);
      assert.match(metrics, /^typeorm_migrations_unapplied_total\{connection="default"\} 2$/m);
      assert.match(metrics, /^typeorm_migrations_collection_success\{connection="default"\} 1$/m);
    });
  });
}
