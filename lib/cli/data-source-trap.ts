import type { DataSource } from 'typeorm';
import { DATA_SOURCE, MARK } from '../data-source/brand';

/**
 * Calls back with every DataSource that is made from now on, while its constructor runs: each marks itself
 * first, whatever package, copy or bundle of TypeORM its class is of. Stays until the process ends, because
 * a file may make one at any time.
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
