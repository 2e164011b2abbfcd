import { PortInUseError } from '../prometheus-migrations.errors';
import {
  DEFAULT_PATH,
  type MetricsRegistry,
  type ResolvedModuleOptions,
} from '../prometheus-migrations.options';
import { type MetricsServer, startMetricsServer } from './metrics.server';
import { logger, nameOfError } from './migrations.logger';

export type { MetricsServer } from './metrics.server';

/**
 * Serves the metrics on the port that the options name, if they name one, and logs where.
 *
 * A range of which no port is free is a warning, as in django-prometheus. A single port in use is an
 * error, but a warning in an application without HTTP (`createApplicationContext`): that may be a
 * command, run while the application itself holds the port.
 *
 * @param hasHttp - whether the application has an HTTP server of its own
 * @throws {@link PortInUseError}
 */
export async function servePort(
  registry: MetricsRegistry,
  { port, portRange, address, path }: ResolvedModuleOptions,
  hasHttp: boolean,
): Promise<MetricsServer | undefined> {
  const range = portRange ?? (port === undefined ? undefined : [port, port]);
  if (range === undefined) return undefined;
  const [first, last] = range;
  const server = await startMetricsServer({
    registry,
    address,
    exclusive: portRange !== undefined,
    ports: Array.from({ length: last - first + 1 }, (_, index) => first + index),
    path: path === false ? DEFAULT_PATH : path,
    onError: (error) => logger.error(`A scrape of the metrics' own port failed (${nameOfError(error)}).`),
  });
  if (server !== undefined) {
    logger.log(`Metrics are served on ${server.url}`);
    return server;
  }
  if (portRange === undefined && hasHttp) throw new PortInUseError(address, first);
  logger.warn(
    first === last
      ? `Port ${first} on ${address} is in use: the metrics are not served on a port of their own.`
      : `No port from ${first} to ${last} on ${address} is free: the metrics are not served on a port of their own. Widen portRange.`,
  );
  return undefined;
}
