import type { DataSource } from 'typeorm';
import { WRITES_NOTHING } from './read-only';

const NOTHING = () => Promise.resolve();

/** Prevents a DataSource from connecting, whatever calls it. Called while its constructor runs. */
export function keepOffline(dataSource: DataSource): void {
  const itself = () => Promise.resolve(dataSource);
  const methods = {
    initialize: itself,
    connect: itself,
    destroy: NOTHING,
    close: NOTHING,
    ...WRITES_NOTHING,
    query: () => Promise.resolve([]),
  };
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(dataSource, name, { value, configurable: true, enumerable: false, writable: true });
  }
  keepDriverOffline(dataSource);
}

/**
 * Disables the driver, which a separate query runner would use. TypeORM's constructor sets the driver after
 * this call.
 */
function keepDriverOffline(dataSource: DataSource): void {
  let driver: DataSource['driver'] | undefined;
  Object.defineProperty(dataSource, 'driver', {
    configurable: true,
    enumerable: true,
    get: () => driver,
    set: (value: DataSource['driver']) => {
      driver = value;
      Object.assign(driver, { connect: NOTHING, afterConnect: NOTHING });
    },
  });
}
