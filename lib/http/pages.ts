import type { MigrationsHealthIndicator } from '../health/indicator';
import type { MetricsRegistry } from '../options/option.types';
import { restore } from '../prometheus/registry';
import { prefersHtml } from '../status/accept';
import { pageOf } from '../status/page';
import { CONTENT_SECURITY_POLICY } from '../status/style';
import type { MigrationsStatus } from '../status/status';
import type { Answer } from './answer';

const JSON_TYPE = 'application/json; charset=utf-8';

/** Returns the exposition text of a registry. */
export async function metricsPage(registry: MetricsRegistry): Promise<Answer> {
  restore(registry);
  return { status: 200, body: await registry.metrics(), contentType: registry.contentType };
}

/** Answers 200 or 503 with counts, without names and without messages of a driver. */
export async function readinessPage(
  indicator: Pick<MigrationsHealthIndicator, 'isUpToDate'>,
): Promise<Answer> {
  const result = await indicator.isUpToDate();
  return {
    status: result.migrations.status === 'up' ? 200 : 503,
    contentType: JSON_TYPE,
    body: JSON.stringify(result),
  };
}

/**
 * Returns the report as HTML for a browser, or else as JSON.
 *
 * @param accept - the header `Accept` of the request
 */
export async function statusPage(
  status: Pick<MigrationsStatus, 'report' | 'title'>,
  accept: string | undefined,
): Promise<Answer> {
  const report = await status.report();
  const headers = { Vary: 'Accept', 'X-Content-Type-Options': 'nosniff' };
  return prefersHtml(accept)
    ? {
        status: 200,
        contentType: 'text/html; charset=utf-8',
        body: pageOf(report, status.title),
        headers: {
          ...headers,
          'Content-Security-Policy': CONTENT_SECURITY_POLICY,
          'Referrer-Policy': 'no-referrer',
        },
      }
    : { status: 200, contentType: JSON_TYPE, body: JSON.stringify(report), headers };
}
