import type { DataSource, Driver, EntityMetadata, QueryRunner } from 'typeorm';

type SchemaBuilder = ReturnType<Driver['createSchemaBuilder']>;

/** A TypeORM logger without output: the schema builder logs each index that it would drop. */
const SILENT = Object.fromEntries(
  ['logQuery', 'logQueryError', 'logQuerySlow', 'logSchemaBuild', 'logMigration', 'log'].map((method) => [
    method,
    () => undefined,
  ]),
);

/**
 * A DataSource for our schema builder. It has the application's entities and connection pool, but not its
 * logger and subscribers. The application's own DataSource and driver are not changed.
 */
export class SchemaView {
  readonly dataSource: DataSource;
  readonly driver: Driver;
  private readonly cache: unknown;

  /** @param overrides - replaced properties of the driver */
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

  /**
   * Moves a query runner to this view: an instrumentation may have created it for the application's
   * DataSource.
   */
  adopt(runner: QueryRunner): void {
    assign(runner, { driver: this.driver, ...this.names });
  }

  /**
   * Creates a schema builder for some entities.
   *
   * @param withCache - whether to compare the table of the query result cache too
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

  /** The property is `connection` in TypeORM 0.3 and `dataSource` in 1.x. */
  private get names(): Record<string, unknown> {
    return { connection: this.dataSource, dataSource: this.dataSource };
  }
}

/** Creates an object that inherits all properties of another and overrides some. */
export function derive<T extends object>(object: T, overrides: Readonly<Record<string, unknown>>): T {
  return assign(Object.create(object) as T, overrides);
}

/** Defines properties, even if a prototype has only a getter for them. */
function assign<T extends object>(object: T, values: Readonly<Record<string, unknown>>): T {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(object, name, { value, configurable: true, writable: true, enumerable: true });
  }
  return object;
}
