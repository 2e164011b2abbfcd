import { describe, InvalidOptionError } from '../prometheus-migrations.errors';

/** What OpenTelemetry's specification says of an instrument's name, of which 255 characters are allowed. */
const METER_NAME = /^[a-z][\w.\-/]*$/i;
const LONGEST_NAME = 255 - '_migrations_oldest_unapplied_timestamp_seconds'.length;

/**
 * Checks the names beside a meter: Prometheus allows more than OpenTelemetry, whose SDK would record nothing.
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
