import type { DataSource } from 'typeorm';

/** The property that holds the kind of a TypeORM object. */
export const MARK = '@instanceof';
/** The kind of a DataSource. It is the same symbol in all copies of TypeORM. */
export const DATA_SOURCE: unknown = Symbol.for('DataSource');

/**
 * Whether a value is a TypeORM `DataSource` of any copy of typeorm: `instanceof` fails across two copies.
 * Never throws, even if a getter of the value does.
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
