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
    const scrapedAt = performance.now();
    const metrics = [...samples(await get())];
    const applied = metrics.filter(([series]) => series.includes('_applied_total{'));
    const named = (series: string) => /connection="(.*?)"/.exec(series)?.[1];
    return {
      took: performance.now() - scrapedAt,
      failed: applied.filter(([, value]) => value === -1).map(([series]) => named(series)),
      read: applied.filter(([, value]) => value !== -1).map(([series]) => named(series)),
    };
  };
  return { app, startTook, scrape };
}
