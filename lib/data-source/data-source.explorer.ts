import { Inject, Injectable, type InjectionToken } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { DataSource } from 'typeorm';
import { aliasOfToken, type DataSourceCandidate, isConventionalToken } from './data-source.alias';
import { isDataSource } from './data-source.brand';

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
      if (token === undefined || (!isConventionalToken(token) && isConventionalToken(wrapper.token))) {
        tokens.set(value, wrapper.token);
      }
    }
    return Array.from(tokens, ([dataSource, token]) => ({
      alias: aliasOfToken(token) ?? nameOf(dataSource) ?? 'default',
      dataSource,
    }));
  }
}

/** TypeORM 1.x has no name on DataSources any more; with 0.3 it can differ from the token's. */
function nameOf(dataSource: DataSource): string | undefined {
  const { name } = dataSource.options as { name?: unknown };
  return typeof name === 'string' && name !== '' ? name : undefined;
}
