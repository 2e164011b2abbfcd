import type { InjectionToken } from '@nestjs/common';
import type { DataSource } from 'typeorm';

/** A DataSource and the alias that it should get. */
export interface DataSourceCandidate {
  readonly alias: string;
  readonly dataSource: DataSource;
}

export interface NamedDataSources {
  /** Each DataSource by its unique alias. */
  readonly named: ReadonlyMap<string, DataSource>;
  /** Aliases that more than one instance asked for. */
  readonly clashes: readonly string[];
}

const SUFFIX = /DataSource$/;

/**
 * Derives the alias from an injection token; `undefined` if the token has no name.
 *
 * It follows the tokens of `@nestjs/typeorm`: TypeORM's class `DataSource` is `default`,
 * `analyticsDataSource` is `analytics`. Other names lose the suffix `DataSource` too. A symbol uses its
 * description.
 */
export function aliasOfToken(token: InjectionToken, dataSource?: DataSource): string | undefined {
  if (typeof token === 'symbol') return token.description || undefined;
  if (isRootClass(token, dataSource)) return 'default';
  const name = nameOfToken(token);
  return name === '' ? undefined : name.replace(SUFFIX, '') || 'default';
}

/** Whether a token has the form that `@nestjs/typeorm` gives DataSource tokens. */
export function isConventionalToken(token: InjectionToken, dataSource?: DataSource): boolean {
  return typeof token !== 'symbol' && (isRootClass(token, dataSource) || SUFFIX.test(nameOfToken(token)));
}

/**
 * Whether a token is TypeORM's class `DataSource`. A bundler may rename the class, so it is found by having
 * no parent class.
 */
function isRootClass(token: Exclude<InjectionToken, symbol>, dataSource: DataSource | undefined): boolean {
  if (typeof token !== 'function' || dataSource === undefined) return false;
  const parent = Object.getPrototypeOf(token) as { prototype?: unknown };
  try {
    return parent.prototype === undefined && dataSource instanceof token;
  } catch {
    return false;
  }
}

/** A class may redefine the static property `name` with any type. */
function nameOfToken(token: Exclude<InjectionToken, symbol>): string {
  const name: unknown = typeof token === 'string' ? token : token.name;
  return typeof name === 'string' ? name : '';
}

/**
 * Gives each candidate a unique alias. The first candidate of a name gets it; later ones become `default#2`,
 * `default#3`.
 *
 * @param explicit - DataSources that the application named; one instance may have several names
 * @param found - DataSources of the container; skipped if the instance already has a name
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

/** TypeORM 1.x removed the name of a DataSource; in 0.3 it can differ from the token's. */
export function nameOf(dataSource: DataSource): string | undefined {
  try {
    const { name } = dataSource.options as { name?: unknown };
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    return undefined;
  }
}
