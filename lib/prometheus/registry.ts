import { logger } from '../logger';
import type { MetricsRegistry } from '../options/option.types';
import { RegistryInUseError } from '../prometheus-migrations.errors';

/** A metric of whichever client. */
export interface RegisteredMetric {
  readonly name: string;
}

/** A set of metrics that belong together: all of them are in a registry, or none is. */
export interface MetricSet {
  readonly registry: MetricsRegistry;
  /** Sets with the same key have the same names. */
  readonly key: string;
  /** For a warning, as `"typeorm_migrations_*"`. */
  readonly description: string;
  /** The metrics, made when they are first wanted. */
  readonly metrics: () => readonly RegisteredMetric[];
  /** Its owner shuts down: whoever comes next takes its place without a warning. */
  readonly isClosing: boolean;
}

/** Sets that are alive on one registry under the same names: the last has its metrics in the registry. */
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
 * Puts a set into its registry in place of an older one with the same names, which gets it back when
 * this one is released. Does nothing if the set is alive already, but to put back what was cleared.
 *
 * @throws {@link RegistryInUseError} if the registry holds a metric of that name that is nobody's here
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

/** Takes a set out of its registry; the newest of those left gets its place. */
export function release(set: MetricSet): void {
  const owners = ownersOf(set);
  const index = owners.sets.indexOf(set);
  if (index === -1) return;
  owners.sets.splice(index, 1);
  takeOut(set);
  const newest = newestOf(owners);
  if (newest !== undefined) tryToPutIn(newest);
}

/** Puts back what `registry.clear()` took out behind everybody's back. */
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

/** How often a registry was scraped with metrics of ours in it; `undefined` while it has none. */
export function scrapesOf(registry: MetricsRegistry): number | undefined {
  const owners = [...(registries.get(registry)?.values() ?? [])];
  return owners.some((each) => newestOf(each) !== undefined) ? (scrapes.get(registry) ?? 0) : undefined;
}

/** The newest set that is not shutting down: its metrics belong in the registry. */
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

/** For a set that was there before: whoever took one of its names since keeps it. */
function tryToPutIn(set: MetricSet): void {
  try {
    putIn(set);
  } catch (error) {
    if (!(error instanceof RegistryInUseError)) throw error;
  }
}

/** Takes out what is the set's own; what somebody else has put there since stays. */
function takeOut({ registry, metrics }: MetricSet): void {
  for (const metric of metrics()) {
    if (holderOf(registry, metric) === metric) registry.removeSingleMetric(nameOf(metric));
  }
}

/** The metric that a registry holds under the name of one of ours. */
function holderOf(registry: MetricsRegistry, metric: RegisteredMetric): RegisteredMetric | undefined {
  return registry.getSingleMetric(nameOf(metric)) as RegisteredMetric | undefined;
}

const names = new WeakMap<RegisteredMetric, string>();

/** The name that a metric had at first: a registry of OpenMetrics takes `_total` off when it is scraped. */
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
