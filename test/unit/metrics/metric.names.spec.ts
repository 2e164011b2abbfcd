import { describe, expect, it } from 'vitest';
import { METRIC_NAMES, metricNames } from '../../../lib/metrics/metric.names';

describe('metricNames', () => {
  it('puts namespace and prefix in front', () => {
    expect(metricNames({ prefix: 'django' }).applied).toBe('django_migrations_applied_total');
    expect(metricNames({ namespace: 'myapp', prefix: 'django' }).unapplied).toBe(
      'myapp_django_migrations_unapplied_total',
    );
    expect(METRIC_NAMES).toEqual(metricNames({ prefix: 'typeorm' }));
  });
});
