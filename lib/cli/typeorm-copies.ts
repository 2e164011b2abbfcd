import Module from 'node:module';
import { dirname } from 'node:path';
import { requireFrom, resolveFrom } from './import-from';

type DataSourceClass = { readonly prototype: object };

interface Loader {
  _load(request: string, ...rest: unknown[]): unknown;
}

/** How TypeORM's entry is named, by whoever requires it and by its own ES module. */
const TYPEORM = /(^|[\\/])typeorm([\\/]index\.js)?$/;

/** Calls back with every copy of TypeORM that is loaded from now on: a workspace may have several. */
export function onTypeorm(loaded: (DataSource: DataSourceClass) => void): void {
  const loader = Module as unknown as Loader;
  const load = loader._load.bind(loader);
  loader._load = (request, ...rest) => {
    const exported = load(request, ...rest);
    if (TYPEORM.test(request)) tell(exported, loaded);
    return exported;
  };
}

/** Calls back with the copies that a file and its Nest integration would load. */
export function typeormOf(file: string, found: (DataSource: DataSourceClass) => void): void {
  const nest = resolveFrom(dirname(file), '@nestjs/typeorm');
  for (const folder of new Set([dirname(file), ...(nest === undefined ? [] : [dirname(nest)])])) {
    if (resolveFrom(folder, 'typeorm') !== undefined) tell(requireFrom(folder, 'typeorm'), found);
  }
}

function tell(exported: unknown, found: (DataSource: DataSourceClass) => void): void {
  const { DataSource } = (exported ?? {}) as { DataSource?: DataSourceClass };
  if (typeof DataSource === 'function') found(DataSource);
}
