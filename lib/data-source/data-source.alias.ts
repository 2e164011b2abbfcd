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
 * The alias that an injection token stands for. As `@nestjs/typeorm` forms its tokens: the class
 * `DataSource` is `default`, `analyticsDataSource` is `analytics`. Other names are taken as they are,
 * a symbol by its description. `undefined` where the token has no name at all.
 */
export function aliasOfToken(token: InjectionToken): string | undefined {
  if (typeof token === 'symbol') return token.description || undefined;
  const name = nameOfToken(token);
  return name === '' ? undefined : name.replace(SUFFIX, '') || 'default';
}

/** Whether a token is formed as `@nestjs/typeorm` forms those of DataSources. */
export function isConventionalToken(token: InjectionToken): boolean {
  return typeof token !== 'symbol' && SUFFIX.test(nameOfToken(token));
}

/** A class may have a static property `name` of its own, of any type. */
function nameOfToken(token: Exclude<InjectionToken, symbol>): string {
  const name: unknown = typeof token === 'string' ? token : token.name;
  return typeof name === 'string' ? name : '';
}

/**
 * Gives each candidate an alias of its own. The first to ask for one gets it; later ones become
 * `default#2`, `default#3`. Who asks for the same alias of the same instance again is the same.
 */
export function nameDataSources(candidates: Iterable<DataSourceCandidate>): NamedDataSources {
  const taken = new Map<string, DataSource>();
  const clashes = new Set<string>();
  for (const { alias, dataSource } of candidates) {
    if (taken.get(alias) === dataSource) continue;
    let free = alias;
    for (let count = 2; taken.has(free); count += 1) free = `${alias}#${count}`;
    if (free !== alias) clashes.add(alias);
    taken.set(free, dataSource);
  }
  return { named: taken, clashes: [...clashes] };
}
