import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Registry } from 'prom-client';
import { PrometheusMigrationsModule, type PrometheusMigrationsModuleOptions } from '../../lib';
import { startApplication } from '../support/applications';
import { samples } from '../support/exposition';

/** An application, and what its scrapes tell of every connection. */
export async function startScraped(options: PrometheusMigrationsModuleOptions, imports: unknown[] = []) {
  const startedAt = performance.now();
  const { app, get } = await startApplication({
    imports: [
      ...(imports as []),
      PrometheusMigrationsModule.forRoot({ registry: new Registry(), maxAge: 0, ...options }),
    ],
  });
  const startTook = performance.now() - startedAt;
  const scrape = async () => {
    const lag = monitorEventLoopDelay({ resolution: 10 });
    lag.enable();
    const scrapedAt = performance.now();
    const metrics = [...samples(await get())];
    const took = performance.now() - scrapedAt;
    lag.disable();
    const applied = metrics.filter(([series]) => series.includes('_applied_total{'));
    const named = (series: string) => /connection="(.*?)"/.exec(series)?.[1];
    return {
      /** ms, without those for which a busy machine kept the event loop. */
      took: took - lag.max / 1e6,
      failed: applied.filter(([, value]) => value === -1).map(([series]) => named(series)),
      read: applied.filter(([, value]) => value !== -1).map(([series]) => named(series)),
    };
  };
  return { app, startTook, scrape };
}
