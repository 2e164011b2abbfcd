import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import protobuf from 'protobufjs';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { instrumentMigrations, METRIC_NAMES, observeMigrations } from '../../lib';
import { RUN_BUCKETS } from '../../lib/runs/totals';
import { interceptStatements } from '../support/intercept';
import { defineMigrations } from '../support/migrations';

interface Point {
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[];
  readonly asDouble?: number;
  readonly count?: number;
  readonly explicitBounds?: readonly number[];
}
interface Metric {
  readonly name: string;
  readonly unit?: string;
  readonly gauge?: { readonly dataPoints: readonly Point[] };
  readonly sum?: { readonly dataPoints: readonly Point[]; readonly isMonotonic: boolean };
  readonly histogram?: { readonly dataPoints: readonly Point[] };
}

const schema = protobuf.loadSync('test/support/otlp-metrics.proto');
const request = schema.lookupType('ExportMetricsServiceRequest');
const close: (() => unknown)[] = [];
let url: string;
let received: Metric[];

beforeEach(async () => {
  const server = createServer((incoming, response) => {
    void buffer(incoming).then((body) => {
      const decoded = request.toObject(request.decode(body), { longs: Number }) as {
        resourceMetrics: { scopeMetrics: { metrics: Metric[] }[] }[];
      };
      received = decoded.resourceMetrics.flatMap(({ scopeMetrics }) =>
        scopeMetrics.flatMap(({ metrics }) => metrics),
      );
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close.push(() => server.close());
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/metrics`;
});
afterEach(async () => {
  for (const each of close.splice(0).reverse()) await each();
});

const points = (name: string) => {
  const metric = received.find((each) => each.name === name);
  return metric?.gauge?.dataPoints ?? metric?.sum?.dataPoints ?? metric?.histogram?.dataPoints ?? [];
};
const valuesOf = (name: string) => points(name).map(({ asDouble }) => asDouble);

it('OTLP over protobuf has the names, the units and NaN', async () => {
  const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter({ url }) });
  const provider = new MeterProvider({ readers: [reader] });
  close.push(() => provider.shutdown());
  const dataSource = new DataSource({
    type: 'better-sqlite3',
    database: ':memory:',
    migrations: defineMigrations(3),
  });
  const meter = provider.getMeter('test');
  instrumentMigrations(dataSource, { meter, registry: new Registry() });
  await dataSource.initialize();
  close.push(() => dataSource.destroy());
  const observation = await observeMigrations({ dataSources: { orders: dataSource }, maxAge: 0 }, meter);
  await provider.forceFlush();
  expect(valuesOf(METRIC_NAMES.unapplied)).toEqual([3]);

  await dataSource.runMigrations();
  await provider.forceFlush();
  const { unapplied, applied, defined, runDuration, collectionErrors, ...others } = METRIC_NAMES;
  expect([applied, unapplied, defined].map(valuesOf)).toEqual([[3], [0], [3]]);
  expect(points(runDuration)).toEqual([expect.objectContaining({ count: 1, explicitBounds: RUN_BUCKETS })]);
  expect(received.find(({ name }) => name === collectionErrors)?.sum?.isMonotonic).toBe(true);
  expect(points(collectionErrors).map(({ asDouble }) => asDouble)).toEqual([0, 0, 0, 0, 0, 0]);
  expect(points(unapplied)[0]?.attributes).toEqual([{ key: 'connection', value: { stringValue: 'orders' } }]);
  expect(Object.fromEntries(received.map(({ name, unit = '' }) => [name, unit]))).toEqual({
    [unapplied]: '{migration}',
    [applied]: '{migration}',
    [defined]: '{migration}',
    [others.unknown]: '{migration}',
    [others.outOfOrder]: '{migration}',
    [others.newestApplied]: 's',
    [others.collectionDuration]: 's',
    [others.lastSuccess]: 's',
    [others.lastRun]: 's',
    [runDuration]: 's',
    [collectionErrors]: '',
    [others.info]: '',
    [others.collectionSuccess]: '',
    [others.runsInProgress]: '',
    [others.oldestUnapplied]: 's',
  });

  interceptStatements(dataSource, () => Promise.reject(Object.assign(new Error(), { code: 'ECONNREFUSED' })));
  await provider.forceFlush();
  expect([applied, defined, others.oldestUnapplied].map(valuesOf)).toEqual([[-1], [NaN], [NaN]]);

  observation.close();
  await provider.forceFlush();
  expect([applied, others.collectionSuccess].map(valuesOf)).toEqual([[NaN], [NaN]]);
  expect(points(collectionErrors).map(({ asDouble }) => asDouble)).toContain(1);
});
