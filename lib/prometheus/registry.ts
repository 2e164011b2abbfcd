import { logger } from '../logger';
import type { MetricsRegistry } from '../options/option.types';
import { RegistryInUseError } from '../prometheus-migrations.errors';

/** A metric of either client. */
export interface RegisteredMetric {
  readonly name: string;
}

/** Metrics that are registered together: a registry holds all of them or none. */
export interface MetricSet {
  readonly registry: MetricsRegistry;
  /** Sets with the same key have the same names. */
  readonly key: string;
  /** Name for warnings, such as `"typeorm_migrations_*"`. */
  readonly description: string;
  /** Returns the metrics, created at first use. */
  readonly metrics: () => readonly RegisteredMetric[];
  /** Its owner shuts down, so the next set may take over without a warning. */
  readonly isClosing: boolean;
}

/** The active sets of one registry with the same names. The registry holds the metrics of the last one. */
interface Owners {
  readonly sets: MetricSet[];
  wasWarned: boolean;
}

const registries = new WeakMap<MetricsRegistry, Map<string, Owners>>();

function ownersOf({ registry, key }: MetricSet): Owners {
  let byKey = registries.get(registry);
  if (byKey === undefined) registries.set(registry, (byKey = new Map<string, Owners>()));
  let owners = byKey.get(key);
  if (owners === undefined) byKey.set(key, (owners = { sets: [], wasWarned: false }));
  return owners;
}

/**
 * Registers a set in place of an older one with the same names. The older one returns when this one is
 * released. If the set is already active, this only registers what was cleared.
 *
 * @throws {@link RegistryInUseError} if the registry holds a metric of that name that is not from this
 * package
 */
export function claim(set: MetricSet): void {
  const owners = ownersOf(set);
  if (owners.sets.includes(set)) {
    if (newestOf(owners) === set) putIn(set);
    return;
  }
  const older = newestOf(owners);
  for (const other of owners.sets) takeOut(other);
  try {
    putIn(set);
  } catch (error) {
    if (older !== undefined) tryToPutIn(older);
    throw error;
  }
  owners.sets.push(set);
  if (older !== undefined && !owners.wasWarned) warn(owners, set);
}

/** Unregisters a set; the newest remaining set takes its place. */
export function release(set: MetricSet): void {
  const owners = ownersOf(set);
  const index = owners.sets.indexOf(set);
  if (index === -1) return;
  owners.sets.splice(index, 1);
  takeOut(set);
  const newest = newestOf(owners);
  if (newest !== undefined) tryToPutIn(newest);
}

/** Registers again the metrics that `registry.clear()` removed. */
export function restore(registry: MetricsRegistry): void {
  for (const owners of registries.get(registry)?.values() ?? []) {
    const newest = newestOf(owners);
    if (newest !== undefined) tryToPutIn(newest);
  }
}

const scrapes = new WeakMap<MetricsRegistry, number>();

/** Called when the metrics of a set are collected. */
export function countScrape(registry: MetricsRegistry): void {
  scrapes.set(registry, (scrapes.get(registry) ?? 0) + 1);
}

/** Returns how often a registry was scraped with our metrics in it; `undefined` while it has none. */
export function scrapesOf(registry: MetricsRegistry): number | undefined {
  const owners = [...(registries.get(registry)?.values() ?? [])];
  return owners.some((each) => newestOf(each) !== undefined) ? (scrapes.get(registry) ?? 0) : undefined;
}

/** Returns the newest set that is not shutting down: its metrics belong in the registry. */
function newestOf({ sets }: Owners): MetricSet | undefined {
  return sets.findLast(({ isClosing }) => !isClosing);
}

function putIn({ registry, metrics }: MetricSet): void {
  const all = metrics();
  const missing = all.filter((metric) => holderOf(registry, metric) !== metric);
  const taken = missing.find((metric) => ![undefined, ...all].includes(holderOf(registry, metric)));
  if (taken !== undefined) {
    throw new RegistryInUseError(
      `The registry already holds a metric "${nameOf(taken)}". ` +
        'Set the option registry, prefix or namespace to another, or register that metric elsewhere.',
    );
  }
  for (const metric of missing) {
    if (holderOf(registry, metric) !== undefined) continue;
    registry.registerMetric(Object.assign(metric, { name: nameOf(metric) }));
  }
}

/** For a set that returns: a metric that has taken one of its names since then keeps it. */
function tryToPutIn(set: MetricSet): void {
  try {
    putIn(set);
  } catch (error) {
    if (!(error instanceof RegistryInUseError)) throw error;
  }
}

/** Unregisters the set's own metrics; metrics that others have registered since then stay. */
function takeOut({ registry, metrics }: MetricSet): void {
  for (const metric of metrics()) {
    if (holderOf(registry, metric) === metric) registry.removeSingleMetric(nameOf(metric));
  }
}

/** Returns the metric that the registry holds under the name of ours. */
function holderOf(registry: MetricsRegistry, metric: RegisteredMetric): RegisteredMetric | undefined {
  return registry.getSingleMetric(nameOf(metric)) as RegisteredMetric | undefined;
}

const names = new WeakMap<RegisteredMetric, string>();

/** Returns a metric's original name: an OpenMetrics registry removes `_total` from it at a scrape. */
function nameOf(metric: RegisteredMetric): string {
  const name = names.get(metric) ?? metric.name;
  names.set(metric, name);
  return name;
}

function warn(owners: Owners, { description }: MetricSet): void {
  owners.wasWarned = true;
  logger.warn(
    `More than one PrometheusMigrationsModule or MigrationsExporter puts ${description} into the same registry: ` +
      'the newest has them until it is closed. ' +
      'Close the other (in tests: await app.close()), or set registry, prefix or namespace to another.',
  );
}
