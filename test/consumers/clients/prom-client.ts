export * from 'prom-client';
export { AggregatorRegistry as ClusterRegistry } from 'prom-client';
