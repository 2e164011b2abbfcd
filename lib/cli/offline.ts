import type { DataSource } from 'typeorm';
import { WRITES_NOTHING } from './read-only';

const NOTHING = () => Promise.resolve();

/** Keeps a DataSource from its database, whoever connects it. Called while its constructor runs. */
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

/** What a query runner of its own would use. TypeORM's constructor sets the driver, later than it calls this. */
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
