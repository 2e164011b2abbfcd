import type { InjectionToken } from '@nestjs/common';
import type { DataSource } from 'typeorm';

/** A DataSource and the name that it asks for. */
export interface DataSourceCandidate {
  readonly alias: string;
  readonly dataSource: DataSource;
}

export interface NamedDataSources {
  /** Every instance once, under an alias of its own. */
  readonly named: readonly DataSourceCandidate[];
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
  const name = typeof token === 'string' ? token : token.name;
  return name === '' ? undefined : name.replace(SUFFIX, '') || 'default';
}

/** Whether a token is formed as `@nestjs/typeorm` forms those of DataSources. */
export function isConventionalToken(token: InjectionToken): boolean {
  return typeof token !== 'symbol' && SUFFIX.test(typeof token === 'string' ? token : token.name);
}

/**
 * Gives each instance an alias of its own. The first to ask for one gets it; later ones become
 * `default#2`, `default#3`. An instance that stands there twice keeps its first alias.
 */
export function nameDataSources(candidates: Iterable<DataSourceCandidate>): NamedDataSources {
  const taken = new Map<string, DataSource>();
  const seen = new Set<DataSource>();
  const clashes = new Set<string>();
  for (const { alias, dataSource } of candidates) {
    if (seen.has(dataSource)) continue;
    seen.add(dataSource);
    let free = alias;
    for (let count = 2; taken.has(free); count += 1) free = `${alias}#${count}`;
    if (free !== alias) clashes.add(alias);
    taken.set(free, dataSource);
  }
  return {
    named: Array.from(taken, ([alias, dataSource]) => ({ alias, dataSource })),
    clashes: [...clashes],
  };
}
