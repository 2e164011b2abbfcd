import { AggregatorRegistry, Histogram, openMetricsContentType, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { RunMetrics, type ShownRuns } from '../../../lib/prometheus/run-metrics';
import { metricNames } from '../../../lib/metrics/metric.names';
import { RUN_BUCKETS, type RunOutcome, RunTotals } from '../../../lib/runs/totals';

/** The client's types leave its parameter out. */
const TypedRegistry = Registry as new (contentType?: string) => Registry;
const NAME = metricNames({}).runDuration;
const RUNS: readonly (readonly [connection: string, outcome: RunOutcome, seconds: number])[] = [
  ...RUN_BUCKETS.flatMap((bound) => [
    ['orders', 'succeeded', bound] as const,
    ['orders', 'succeeded', bound + 0.01] as const,
  ]),
  ['orders', 'failed', 0],
  ['a "quoted"\nname', 'failed', 7.5],
];

function source(label: string): ShownRuns {
  return { runs: new RunTotals(), hosts: new Set(), metricsAt: () => undefined, labelFor: () => label };
}

/** Our histogram of some runs, and one that the client makes of them. */
function registries(contentType?: string) {
  const ours = new TypedRegistry(contentType);
  const theirs = new TypedRegistry(contentType);
  const metrics = RunMetrics.of(ours, {});
  const histogram = new Histogram({
    name: NAME,
    help: 'Seconds that runs of migrations took, by outcome',
    labelNames: ['connection', 'outcome'],
    buckets: RUN_BUCKETS,
    aggregator: 'sum',
    registers: [theirs],
  });
  for (const connection of new Set(RUNS.map(([name]) => name))) {
    for (const outcome of ['succeeded', 'failed']) histogram.zero({ connection, outcome });
    // Two DataSources of one connection.
    const sources = [source(connection), source(connection)] as const;
    for (const each of sources) metrics.addSource(each);
    for (const [index, [name, outcome, seconds]] of RUNS.entries()) {
      if (name !== connection) continue;
      histogram.observe({ connection, outcome }, seconds);
      const { runs } = sources[index % 2] as ShownRuns;
      runs.begin();
      runs.end(outcome, seconds);
    }
  }
  return { ours, theirs, metrics };
}

const duration = (text: string) => text.split('\n').filter((line) => line.includes('run_duration'));
/** Sums of the same numbers in another order. */
const rounded = (text: string) =>
  text.replaceAll(
    /(_sum\{.*\}) (.*)$/gm,
    (_line, start: string, sum) => `${start} ${Number(sum).toFixed(6)}`,
  );

describe('the histogram of runs', () => {
  it.each([undefined, openMetricsContentType])(
    'is exactly the one that the client would make (%s)',
    async (type) => {
      const { ours, theirs } = registries(type);

      expect(duration(rounded(await ours.metrics()))).toEqual(duration(rounded(await theirs.metrics())));
      expect(await ours.getSingleMetricAsString(NAME)).toContain(`${NAME}_count`);
    },
  );

  it('can be added up in a cluster', async () => {
    const { ours, theirs } = registries();
    for (const registry of [ours, theirs]) registry.setDefaultLabels({ pod: 'a' });
    const sum = async (registry: Registry) => {
      const json = await registry.getMetricsAsJSON();
      return duration(rounded(await AggregatorRegistry.aggregate([json, json]).metrics()));
    };

    expect(await sum(ours)).toEqual(await sum(theirs));
  });

  it('keeps the runs of a DataSource that is gone, under its connection', async () => {
    const { ours, metrics } = registries();
    const before = duration(await ours.metrics());
    const late = source('orders');
    metrics.addSource(late);
    late.runs.begin();
    late.runs.end('succeeded', 2);
    const during = duration(await ours.metrics());

    metrics.retire(late);

    expect(during).not.toEqual(before);
    expect(duration(await ours.metrics()).sort()).toEqual(during.sort());
  });
});
