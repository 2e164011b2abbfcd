import assert from 'node:assert/strict';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import { start } from './application.js';
import { ClusterRegistry, register } from './client.js';

const WORKERS = 2;
const aggregator = new ClusterRegistry(); // in the workers as well: it makes them answer

async function work(): Promise<void> {
  await start({ imports: [PrometheusMigrationsModule.forRoot({ path: false })] });
  process.send?.('started');
}

// This file is the worker's as well.
if (cluster.isWorker) void work();
else {
  describe("Node's cluster", () => {
    after(() => cluster.disconnect());

    it('shows the figures of several workers as those of one', async () => {
      cluster.setupPrimary({ execArgv: [], silent: true });
      const workers = Array.from({ length: WORKERS }, () => cluster.fork());
      await Promise.all(workers.map((worker) => once(worker, 'message')));

      const metrics = await aggregator.clusterMetrics();

      assert.deepEqual(register.getMetricsAsArray(), []);
      assert.match(metrics, /^typeorm_migrations_applied_total\{connection="default"\} 1$/m);
      assert.match(metrics, /^typeorm_migrations_unapplied_total\{connection="default"\} 2$/m);
      assert.match(metrics, /^typeorm_migrations_collection_success\{connection="default"\} 1$/m);
    });
  });
}
