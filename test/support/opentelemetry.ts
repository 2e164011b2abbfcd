import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { AggregationTemporality, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';

/** A reader that collects when it is asked. */
class ManualReader extends MetricReader {
  protected onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
  protected onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

const providers: MeterProvider[] = [];

/** A started SDK, with a meter and the exposition of OpenTelemetry's own Prometheus exporter. */
export function startSdk({ isDelta = false } = {}) {
  const temporality = isDelta ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE;
  const reader = new ManualReader({ aggregationTemporalitySelector: () => temporality });
  const provider = new MeterProvider({ readers: [reader] });
  providers.push(provider);
  const collect = async () => (await reader.collect()).resourceMetrics;
  return {
    meter: provider.getMeter('test'),
    collect,
    errors: async () => (await reader.collect()).errors,
    exposition: async () => new PrometheusSerializer('', false).serialize(await collect()),
  };
}

export async function stopSdks(): Promise<void> {
  for (const provider of providers.splice(0)) await provider.shutdown();
}

/**
 * The samples of an exposition of OpenTelemetry, as our own exposition has them: `NaN` is absent, and what OpenTelemetry
 * adds is taken off.
 */
export function ownSamples(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^(typeorm_migrations_\w+)\{(.*)\} (\S+)$/.exec(line);
    if (match === null) continue;
    const [, name = '', labels = '', value] = match;
    if (value === 'NaN') continue;
    const own = labels.match(/\w+="(?:[^"\\]|\\.)*"/g)?.filter((label) => !label.startsWith('otel_scope_'));
    found.set(`${name}{${own?.sort().join(',')}}`, Number(value));
  }
  return found;
}

/** Names, types, help and units of the families of ours. */
export function families(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => /^# (HELP|TYPE|UNIT) typeorm_migrations_/.test(line))
    .sort();
}
