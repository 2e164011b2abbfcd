import type * as PromClient from 'prom-client';
import { logger } from '../logger';
import type { DefaultMetricsOptions, MetricsRegistry } from '../options/option.types';
import { MissingClientError } from '../prometheus-migrations.errors';

/** How a client makes one value of those of several workers. */
export type Aggregator = 'max' | 'min' | 'sum';

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

/** What the clients' own types leave out. */
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
 * What prom-client and its successor have in common. It has no type of theirs: the declarations of this
 * package must compile where only one of them is installed.
 */
export interface MetricsClient {
  readonly register: MetricsRegistry;
  readonly Registry: new () => MetricsRegistry;
  readonly Gauge: new (configuration: MetricConfiguration<Gauge>) => Gauge;
  readonly Counter: new (configuration: MetricConfiguration<Counter>) => Counter;
  readonly Histogram: new (configuration: MetricConfiguration<Metric>) => Metric;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each client wants a registry of its own class
  collectDefaultMetrics(configuration: DefaultMetricsOptions & { register: any }): void;
}

let clients: readonly MetricsClient[] | undefined;

/** The clients that are installed, prom-client first. They are loaded when they are first needed. */
function installedClients(): readonly MetricsClient[] {
  return (clients ??= [loadPromClient(), loadSuccessor()].filter((client) => client !== undefined));
}

// Bundlers allow a package to be missing only if `require` has its literal name and stands right inside `try`.
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

/** Why a client that is installed cannot be loaded: told only if the other one is missing. */
let loadError: Error | undefined;

function notLoaded(error: unknown): undefined {
  const isMissing = (error as { code?: unknown } | null)?.code === 'MODULE_NOT_FOUND';
  if (!isMissing && error instanceof Error) loadError ??= error;
}

/**
 * The client that makes the metrics of a registry: the one that the registry is of, or else the first
 * that is installed.
 *
 * @throws {@link MissingClientError}
 */
export function clientOf(registry: MetricsRegistry): MetricsClient {
  return installedClients().find(({ Registry }) => registry instanceof Registry) ?? defaultClient();
}

/**
 * The registry if the options name none.
 *
 * @throws {@link MissingClientError}
 */
export function defaultRegistry(): MetricsRegistry {
  return defaultClient().register;
}

/** @throws {@link MissingClientError} */
export function newRegistry(): MetricsRegistry {
  return new (defaultClient().Registry)();
}

function defaultClient(): MetricsClient {
  const [client] = installedClients();
  if (client === undefined) throw loadError ?? new MissingClientError();
  return client;
}

let wasWarned = false;

/** Warns once if the options name no registry and the application may expect the other client's. */
export function checkChoice(registry: MetricsRegistry | undefined): void {
  if (registry !== undefined || wasWarned || installedClients().length < 2) return;
  wasWarned = true;
  logger.warn(
    "prom-client and @prometheus-io/client are both installed: the metrics are in prom-client's default registry, and " +
      'the other client does not show them. Set the option registry to the registry that your application serves.',
  );
}
