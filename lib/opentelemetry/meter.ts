import { nameOfError } from '../logger';
import { isMeter, METER } from '../options/option.table';
import type { Meter, MeterOption } from '../options/option.types';
import { describe, InvalidOptionError } from '../prometheus-migrations.errors';
import { globalMeter } from './api';

/**
 * Returns the meter of the option.
 *
 * @throws {@link InvalidOptionError} if there is none
 */
export function meterOf(option: MeterOption): Meter {
  const meter: unknown =
    option === true ? globalMeter() : typeof option === 'function' ? call(option) : option;
  if (isMeter(meter)) return meter;
  if (option === true) throw missingApi();
  throw new InvalidOptionError('meter', `is a function that returned ${describe(meter)}`, METER.fix);
}

export function missingApi(): InvalidOptionError {
  return new InvalidOptionError(
    'meter',
    'is true, and @opentelemetry/api is not installed',
    'Run `npm install @opentelemetry/api`, or pass a meter.',
  );
}

function call(find: () => Meter): unknown {
  try {
    return find();
  } catch (error) {
    throw new InvalidOptionError('meter', `is a function that failed (${nameOfError(error)})`, METER.fix);
  }
}
