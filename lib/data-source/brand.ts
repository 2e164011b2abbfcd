import type { DataSource } from 'typeorm';

/**
 * Whether a value is a TypeORM `DataSource`, of whichever copy of typeorm: `instanceof` fails across
 * two of them. Never throws, whatever a provider's getters do.
 */
export function isDataSource(value: unknown): value is DataSource {
  try {
    return (
      typeof value === 'object' &&
      value !== null &&
      (value as Record<string, unknown>)['@instanceof'] === Symbol.for('DataSource')
    );
  } catch {
    return false;
  }
}
