import type * as PromClient from 'prom-client';
import { applicationPlaces, ofApplication } from '../application-places';
import { logger } from '../logger';
import type { Aggregator } from '../metrics/metric.table';
import type { DefaultMetricsOptions, MetricsRegistry } from '../options/option.types';
import { MissingClientError } from '../prometheus-migrations.errors';

type Labels = Readonly<Record<string, string>>;

interface MetricConfiguration<Metric> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
  readonly registers: [];
  readonly aggregator?: Aggregator;
  readonly buckets?: number[];
  /** Called at every scrape. */
  collect?(this: Metric): Promise<void> | void;
}

/** Members that the clients' own types leave out. */
interface Metric {
  readonly name?: string;
  reset(): void;
}

export interface Gauge extends Metric {
  set(labels: Labels, value: number): void;
  inc(labels: Labels, value: number): void;
}

export interface Counter extends Metric {
  inc(labels: Labels, value: number): void;
}

/**
 * The common part of prom-client and its successor. It uses no type of theirs: the declarations of this
 * package must compile if only one of them is installed.
 */
export interface MetricsClient {
  readonly register: MetricsRegistry;
  readonly Registry: new () => MetricsRegistry;
  readonly Gauge: new (configuration: MetricConfiguration<Gauge>) => Gauge;
  readonly Counter: new (configuration: MetricConfiguration<Counter>) => Counter;
  readonly Histogram: new (configuration: MetricConfiguration<Metric>) => Metric;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each client wants its own registry class
  collectDefaultMetrics(configuration: DefaultMetricsOptions & { register: any }): void;
}

let clients: readonly (readonly MetricsClient[])[] | undefined;

/**
 * Loads the copies of prom-client and of its successor at first use. The application's copy comes first: in a
 * workspace, this package may be in another folder and resolve another copy or none.
 */
function installedClients(): readonly (readonly MetricsClient[])[] {
  return (clients ??= [
    copies([...ofApplication('prom-client', notLoaded), loadPromClient()]),
    copies([...ofApplication('@prometheus-io/client', notLoaded), loadSuccessor()]),
  ]);
}

function copies(found: readonly unknown[]): readonly MetricsClient[] {
  return [...new Set(found.filter((client) => client !== undefined))] as MetricsClient[];
}

// Bundlers allow a missing package only if `require` has a literal name and is directly inside `try`.
/* eslint-disable @typescript-eslint/no-require-imports */
function loadPromClient(): MetricsClient | undefined {
  try {
    return require('prom-client') as typeof PromClient;
  } catch (error) {
    return notLoaded(error);
  }
}

function loadSuccessor(): MetricsClient | undefined {
  try {
    return require('@prometheus-io/client') as MetricsClient;
  } catch (error) {
    return notLoaded(error);
  }
}
/* eslint-enable @typescript-eslint/no-require-imports */

/** The load error of an installed client, reported only if the other client is missing. */
let loadError: Error | undefined;

function notLoaded(error: unknown): undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  // Yarn's Plug'n'Play has its own code for a package that is not a dependency.
  const isMissing = code === 'MODULE_NOT_FOUND' || code === 'UNDECLARED_DEPENDENCY';
  if (!isMissing && error instanceof Error) loadError ??= error;
}

/**
 * Returns the client for a registry: the one whose class it is, or else the first installed one.
 *
 * @throws {@link MissingClientError}
 */
export function clientOf(registry: MetricsRegistry): MetricsClient {
  return (
    installedClients()
      .flat()
      .find(({ Registry }) => registry instanceof Registry) ?? defaultClient()
  );
}

/**
 * Returns the registry of the options, or else the installed client's default.
 *
 * @throws {@link MissingClientError} if no client can make its metrics
 */
export function registryOf(given: MetricsRegistry | undefined): MetricsRegistry {
  const registry = given ?? defaultClient().register;
  clientOf(registry);
  return registry;
}

/**
 * Whether a client is installed.
 *
 * @throws The load error of a client that is installed and cannot be loaded.
 */
export function hasClient(): boolean {
  if (installedClients().flat().length > 0) return true;
  if (loadError !== undefined) throw loadError;
  return false;
}

/** @throws {@link MissingClientError} */
export function newRegistry(): MetricsRegistry {
  return new (defaultClient().Registry)();
}

function defaultClient(): MetricsClient {
  const [client] = installedClients().flat();
  if (client === undefined) throw loadError ?? new MissingClientError([__dirname, ...applicationPlaces()]);
  return client;
}

let wasWarned = false;

/** Warns once if the options name no registry and the application may expect the other client's. */
export function checkChoice(registry: MetricsRegistry | undefined): void {
  if (registry !== undefined || wasWarned || !installedClients().every(({ length }) => length > 0)) return;
  wasWarned = true;
  logger.warn(
    "prom-client and @prometheus-io/client are both installed: the metrics are in prom-client's default registry, and " +
      'the other client does not show them. Set the option registry to the registry that your application serves.',
  );
}
