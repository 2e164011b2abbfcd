import type { DataSource } from 'typeorm';
import { DATA_SOURCE, MARK } from '../data-source/brand';

/**
 * Calls back with every new DataSource while its constructor runs. TypeORM's constructor first sets its mark,
 * in every package, copy or bundle of TypeORM, so a setter for the mark sees it. It stays until the process
 * ends, because a file may create one at any time.
 */
export function onDataSource(made: (dataSource: DataSource) => void): void {
  Object.defineProperty(Object.prototype, MARK, {
    configurable: true,
    get: () => undefined,
    set(this: object, value: unknown) {
      Object.defineProperty(this, MARK, { value, configurable: true, enumerable: true, writable: true });
      if (value === DATA_SOURCE) made(this as DataSource);
    },
  });
}
