import type { DataSource, Driver, EntityMetadata, QueryRunner } from 'typeorm';

type SchemaBuilder = ReturnType<Driver['createSchemaBuilder']>;

/** A TypeORM logger without a word: the schema builder tells of each index that it would drop. */
const SILENT = Object.fromEntries(
  ['logQuery', 'logQueryError', 'logQuerySlow', 'logSchemaBuild', 'logMigration', 'log'].map((method) => [
    method,
    () => undefined,
  ]),
);

/**
 * A DataSource as a schema builder of ours sees it: the application's entities and connection pool, without
 * its logger and its subscribers. The application's own DataSource and driver are not changed.
 */
export class SchemaView {
  readonly dataSource: DataSource;
  readonly driver: Driver;
  private readonly cache: unknown;

  /** @param overrides - of the driver */
  constructor(dataSource: DataSource, overrides: Readonly<Record<string, unknown>> = {}) {
    this.dataSource = derive(dataSource, {});
    this.driver = derive(dataSource.driver, {
      ...overrides,
      ...this.names,
    });
    this.cache = dataSource.queryResultCache;
    assign(this.dataSource, {
      driver: this.driver,
      logger: SILENT,
      subscribers: [],
      // A view's expression may name an entity of another slice.
      findMetadata: (target: unknown) =>
        (dataSource as unknown as { findMetadata(target: unknown): unknown }).findMetadata(target),
    });
  }

  /** Makes a query runner, which an instrumentation may have made for the application's DataSource, one of this view. */
  adopt(runner: QueryRunner): void {
    assign(runner, { driver: this.driver, ...this.names });
  }

  /**
   * A schema builder for some entities.
   *
   * @param withCache - whether the table of the query result cache is looked for as well
   */
  builder(entities: readonly EntityMetadata[], runner: QueryRunner, withCache: boolean): SchemaBuilder {
    assign(this.dataSource, {
      entityMetadatas: entities,
      createQueryRunner: () => runner,
      queryResultCache: withCache ? this.cache : undefined,
    });
    return this.driver.createSchemaBuilder();
  }

  get hasCache(): boolean {
    return this.cache !== undefined;
  }

  /** `connection` in TypeORM 0.3, `dataSource` in 1.x. */
  private get names(): Record<string, unknown> {
    return { connection: this.dataSource, dataSource: this.dataSource };
  }
}

/** An object that has all of another's properties, but for some of its own. */
export function derive<T extends object>(object: T, overrides: Readonly<Record<string, unknown>>): T {
  return assign(Object.create(object) as T, overrides);
}

/** Sets properties, also those for which a prototype has a getter alone. */
function assign<T extends object>(object: T, values: Readonly<Record<string, unknown>>): T {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(object, name, { value, configurable: true, writable: true, enumerable: true });
  }
  return object;
}
