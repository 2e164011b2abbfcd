import { Inject, Injectable, type InjectionToken } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { DataSource } from 'typeorm';
import { aliasOfToken, type DataSourceCandidate, isConventionalToken, nameOf } from './alias';
import { isDataSource } from './brand';

/** Finds the DataSources of the application's container. */
@Injectable()
export class DataSourceExplorer {
  constructor(@Inject(DiscoveryService) private readonly discovery: DiscoveryService) {}

  /** All there are at this moment, each instance once: lazily loaded modules bring more. */
  explore(): DataSourceCandidate[] {
    const tokens = new Map<DataSource, InjectionToken>();
    for (const wrapper of this.discovery.getProviders()) {
      if (wrapper.isAlias) continue;
      const value: unknown = wrapper.instance;
      if (!isDataSource(value)) continue;
      const token = tokens.get(value);
      const isBetter = !isConventionalToken(token ?? '', value) && isConventionalToken(wrapper.token, value);
      if (token === undefined || isBetter) tokens.set(value, wrapper.token);
    }
    return Array.from(tokens, ([dataSource, token]) => ({
      alias: aliasOfToken(token, dataSource) ?? nameOf(dataSource) ?? 'default',
      dataSource,
    }));
  }

  /** The names of DataSources that the container makes anew for each request: they cannot be found. */
  requestScoped(): ReadonlySet<string> {
    const tokens = this.discovery
      .getProviders()
      .filter((wrapper) => !wrapper.isAlias && !wrapper.isDependencyTreeStatic())
      .map(({ token }) => token)
      .filter((token) => token !== undefined && isConventionalToken(token) && mayBeDataSource(token));
    return new Set(tokens.map((token) => aliasOfToken(token) ?? 'default'));
  }
}

/** Other libraries have classes of that name, too: Apollo's `RESTDataSource` is one for each request. */
function mayBeDataSource(token: InjectionToken): boolean {
  if (typeof token !== 'function') return true;
  return typeof (token.prototype as Partial<DataSource> | undefined)?.createQueryRunner === 'function';
}
