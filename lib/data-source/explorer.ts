import { Inject, Injectable, type InjectionToken } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { DataSource } from 'typeorm';
import { aliasOfToken, type DataSourceCandidate, isConventionalToken, nameOf } from './alias';
import { isDataSource } from './brand';

/** Finds the DataSources of the application's container. */
@Injectable()
export class DataSourceExplorer {
  constructor(@Inject(DiscoveryService) private readonly discovery: DiscoveryService) {}

  /** Returns the DataSources that exist now, each instance once. Lazily loaded modules can add more later. */
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

  /** Returns the aliases of request-scoped DataSources: they have no instance that could be read. */
  requestScoped(): ReadonlySet<string> {
    const tokens = this.discovery
      .getProviders()
      .filter((wrapper) => !wrapper.isAlias && !wrapper.isDependencyTreeStatic())
      .map(({ token }) => token)
      .filter((token) => token !== undefined && isConventionalToken(token) && mayBeDataSource(token));
    return new Set(tokens.map((token) => aliasOfToken(token) ?? 'default'));
  }
}

/** Other libraries have classes of such a name: Apollo's `RESTDataSource` is request-scoped. */
function mayBeDataSource(token: InjectionToken): boolean {
  if (typeof token !== 'function') return true;
  return typeof (token.prototype as Partial<DataSource> | undefined)?.createQueryRunner === 'function';
}
