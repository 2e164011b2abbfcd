import type { DataSource } from 'typeorm';

/** The property by which TypeORM's objects show their kind. */
export const MARK = '@instanceof';
/** The kind of a DataSource, the same in all copies of TypeORM. */
export const DATA_SOURCE: unknown = Symbol.for('DataSource');

/**
 * Whether a value is a TypeORM `DataSource`, of whichever copy of typeorm: `instanceof` fails across
 * two of them. Never throws, whatever a provider's getters do.
 */
export function isDataSource(value: unknown): value is DataSource {
  try {
    return (
      typeof value === 'object' && value !== null && (value as Record<string, unknown>)[MARK] === DATA_SOURCE
    );
  } catch {
    return false;
  }
}
