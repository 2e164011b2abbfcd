import { hasApi } from './opentelemetry/api';
import { missingApi } from './opentelemetry/meter';
import { checkMeterNaming } from './options/meter-naming';
import { resolveModuleOptions } from './options/module-options';
import type { PrometheusMigrationsModuleOptions, ResolvedModuleOptions } from './options/option.types';
import type { Environment } from './options/resolve';
import { hasClient, registryOf } from './prometheus/client';
import { describe, InvalidOptionError } from './prometheus-migrations.errors';

/**
 * Resolves the module's options and the registry for the metrics. There is no registry if no client is
 * installed and an OpenTelemetry meter shows the metrics.
 *
 * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a value that cannot work
 * @throws {@link MissingClientError} without a Prometheus client and without a meter
 */
export function moduleOptionsOf(
  given: PrometheusMigrationsModuleOptions,
  environment: Environment,
): ResolvedModuleOptions {
  const options = resolveModuleOptions(given, environment);
  checkMeterNaming(options);
  if (options.meter === true && !hasApi()) throw missingApi();
  // Check now: a missing client must not stop an application that has already started its workers.
  if (options.meter === undefined || options.registry !== undefined || hasClient()) {
    return { ...options, registry: registryOf(options.registry) };
  }
  checkWithoutClient(given, options);
  return options;
}

/** Rejects options that need a client. */
function checkWithoutClient(
  { path }: PrometheusMigrationsModuleOptions,
  { defaultMetrics, port, portRange, readiness, statusPath }: ResolvedModuleOptions,
): void {
  const hasOtherPage = readiness?.path !== undefined || statusPath !== undefined;
  const impossible = [
    ['path', path, typeof path === 'string'],
    ['defaultMetrics', defaultMetrics, defaultMetrics !== false],
    ['port', port, port !== undefined && !hasOtherPage],
    ['portRange', portRange, portRange !== undefined && !hasOtherPage],
  ] as const;
  const refused = impossible.find(([, , isImpossible]) => isImpossible);
  if (refused === undefined) return;
  const [option, value] = refused;
  throw new InvalidOptionError(
    option,
    `is ${describe(value)}, and no Prometheus client is installed to serve metrics`,
    'Leave it out, or run `npm install prom-client`.',
  );
}
