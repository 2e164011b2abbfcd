import { describe, InvalidOptionError } from '../prometheus-migrations.errors';

/** OpenTelemetry's rule for the name of an instrument, which may have 255 characters. */
const METER_NAME = /^[a-z][\w.\-/]*$/i;
const LONGEST_NAME = 255 - '_migrations_oldest_unapplied_timestamp_seconds'.length;

/**
 * Checks `namespace` and `prefix` if there is a meter. Prometheus allows more names than OpenTelemetry, whose
 * SDK would record nothing.
 *
 * @throws {@link InvalidOptionError}
 */
export function checkMeterNaming(options: {
  readonly namespace?: string | undefined;
  readonly prefix: string;
  readonly meter?: unknown;
}): void {
  const { namespace, prefix, meter } = options;
  if (meter === undefined) return;
  const family = namespace === undefined ? prefix : `${namespace}_${prefix}`;
  if (METER_NAME.test(family) && !family.includes(':') && family.length <= LONGEST_NAME) return;
  const isPrefix = namespace === undefined || METER_NAME.test(`${namespace}_`);
  throw new InvalidOptionError(
    isPrefix ? 'prefix' : 'namespace',
    `is ${describe(isPrefix ? prefix : namespace)}, and there is a meter`,
    `OpenTelemetry wants a letter in front, then letters, digits and underscores, and at most ${LONGEST_NAME} characters of both.`,
  );
}
