export * from '@prometheus-io/client';
