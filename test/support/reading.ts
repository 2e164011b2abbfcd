import type { DataSource } from 'typeorm';
import { Collector } from '../../lib/migration/collector';
import { MigrationReader } from '../../lib/migration/reader';
import { BoundedPlaces } from '../../lib/monitor/places';

/** Reads a DataSource again at each call, and gives the counts, or the reason why there are none. */
export function countsOf(dataSource: DataSource, timeout = 5000) {
  const collector = new Collector(dataSource, {
    timeout,
    mayStayOpen: () => true,
    connectionError: () => undefined,
  });
  const reader = new MigrationReader({
    timeout,
    places: new BoundedPlaces(16),
    begin: () => collector.begin(),
    explain: (error) => collector.explain(error),
    onCollection: () => {},
  });
  return async () => {
    const collection = await reader.now();
    return collection.status === 'failed'
      ? collection.reason
      : { applied: collection.state.applied.length, unapplied: collection.state.unapplied.length };
  };
}
