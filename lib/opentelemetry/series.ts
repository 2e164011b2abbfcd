/** The attributes of one series; `connection` is always among them. */
export type Attributes = Readonly<Record<string, string>>;

interface Series {
  readonly attributes: Attributes;
  value: number;
}

/**
 * The series of one gauge. OpenTelemetry's JavaScript SDK keeps exporting series that are no longer observed
 * (open-telemetry/opentelemetry-js#4096). So a series that loses its value is observed as `NaN`, and a series
 * that never had one is not observed.
 */
export class GaugeSeries {
  private readonly known = new Map<string, Series>();

  /** Returns the series to observe now. */
  next(samples: Iterable<readonly [attributes: Attributes, value: number]>): readonly Series[] {
    for (const series of this.known.values()) series.value = NaN;
    for (const [attributes, value] of samples) {
      const key = JSON.stringify(attributes);
      const series = this.known.get(key);
      if (series === undefined) this.known.set(key, { attributes, value });
      else series.value = value;
    }
    return [...this.known.values()];
  }
}
