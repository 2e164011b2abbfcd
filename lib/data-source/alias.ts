import type { InjectionToken } from '@nestjs/common';
import type { DataSource } from 'typeorm';

/** A DataSource and the name that it asks for. */
export interface DataSourceCandidate {
  readonly alias: string;
  readonly dataSource: DataSource;
}

export interface NamedDataSources {
  /** Each under an alias of its own. */
  readonly named: ReadonlyMap<string, DataSource>;
  /** The aliases that more than one instance asked for. */
  readonly clashes: readonly string[];
}

const SUFFIX = /DataSource$/;

/**
 * The alias that an injection token stands for. As `@nestjs/typeorm` forms its tokens: TypeORM's class
 * `DataSource` is `default`, `analyticsDataSource` is `analytics`. Other names lose the ending
 * `DataSource` as well, a symbol stands for its description. `undefined` if the token has no name.
 */
export function aliasOfToken(token: InjectionToken, dataSource?: DataSource): string | undefined {
  if (typeof token === 'symbol') return token.description || undefined;
  if (isRootClass(token, dataSource)) return 'default';
  const name = nameOfToken(token);
  return name === '' ? undefined : name.replace(SUFFIX, '') || 'default';
}

/** Whether a token is formed as `@nestjs/typeorm` forms those of DataSources. */
export function isConventionalToken(token: InjectionToken, dataSource?: DataSource): boolean {
  return typeof token !== 'symbol' && (isRootClass(token, dataSource) || SUFFIX.test(nameOfToken(token)));
}

/** Whether a token is TypeORM's own class `DataSource`, whatever a bundler calls it: one that extends none. */
function isRootClass(token: Exclude<InjectionToken, symbol>, dataSource: DataSource | undefined): boolean {
  if (typeof token !== 'function' || dataSource === undefined) return false;
  const parent = Object.getPrototypeOf(token) as { prototype?: unknown };
  try {
    return parent.prototype === undefined && dataSource instanceof token;
  } catch {
    return false;
  }
}

/** A class may have a static property `name` of its own, of any type. */
function nameOfToken(token: Exclude<InjectionToken, symbol>): string {
  const name: unknown = typeof token === 'string' ? token : token.name;
  return typeof name === 'string' ? name : '';
}

/**
 * Gives each candidate an alias of its own. The first to ask for one gets it; later ones become
 * `default#2`, `default#3`.
 *
 * @param explicit - named by the application: one instance may have several names
 * @param found - in the container: left out if the instance has a name already
 */
export function nameDataSources(
  explicit: Iterable<DataSourceCandidate>,
  found: Iterable<DataSourceCandidate>,
): NamedDataSources {
  const taken = new Map<string, DataSource>();
  const clashes = new Set<string>();
  function name({ alias, dataSource }: DataSourceCandidate): void {
    if (taken.get(alias) === dataSource) return;
    let free = alias;
    for (let count = 2; taken.has(free); count += 1) free = `${alias}#${count}`;
    if (free !== alias) clashes.add(alias);
    taken.set(free, dataSource);
  }

  for (const candidate of explicit) name(candidate);
  const named = new Set(taken.values());
  for (const candidate of found) if (!named.has(candidate.dataSource)) name(candidate);
  return { named: taken, clashes: [...clashes] };
}

/** TypeORM 1.x has no name on DataSources any more; with 0.3 it can differ from the token's. */
export function nameOf(dataSource: DataSource): string | undefined {
  try {
    const { name } = dataSource.options as { name?: unknown };
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    return undefined;
  }
}
