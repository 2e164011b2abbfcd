import type * as OpenTelemetry from '@opentelemetry/api';
import { ofApplication } from '../application-places';
import type { Meter } from '../options/option.types';

const SCOPE = 'nestjs-prometheus-migrations';

/** Returns the meter of the global provider; `undefined` if `@opentelemetry/api` is not installed. */
export function globalMeter(): Meter | undefined {
  return installedApi()?.metrics.getMeter(SCOPE);
}

/** Whether `@opentelemetry/api` is installed. */
export function hasApi(): boolean {
  return installedApi() !== undefined;
}

function installedApi(): typeof OpenTelemetry | undefined {
  // The application's own copy comes first: in a workspace this package may find none.
  const [api] = ofApplication('@opentelemetry/api', () => undefined);
  return (api as typeof OpenTelemetry | undefined) ?? loadApi();
}

function loadApi(): typeof OpenTelemetry | undefined {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- bundlers want a literal name inside `try`
    return require('@opentelemetry/api') as typeof OpenTelemetry;
  } catch {
    return undefined;
  }
}
