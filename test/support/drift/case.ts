import type * as typeorm from 'typeorm';
import type {
  DataSource,
  DataSourceOptions,
  EntitySchemaColumnOptions,
  EntitySchemaOptions,
  QueryRunner,
} from 'typeorm';
import { readDrift, type ReadDriftOptions } from '../../../lib/drift/read';
import type { DriftReading } from '../../../lib/drift/reading';

export type Entity = EntitySchemaOptions<object>;

/** A schema that TypeORM has made of some entities, or that means the same, and what TypeORM takes for drift. */
export interface DriftCase {
  readonly name: string;
  readonly entities: readonly Entity[];
  /** Of the DataSource. */
  readonly options?: object;
  /** Statements before the schema is made. */
  readonly before?: readonly string[];
  /** Makes the schema instead of TypeORM. */
  readonly byHand?: readonly string[];
  /** Statements after the schema was made. */
  readonly after?: readonly string[];
  /** As `change column o.v 1`, the statements last; or the reason why drift is not judged. */
  readonly drift: Expected;
  /** Where a version differs: `1`, `0.3.31`, `0.3.12`. */
  readonly except?: Readonly<Record<string, Expected>>;
}

export type Expected = readonly string[] | string;

/** An entity `o` with a key and these columns. */
export function table(
  columns: Readonly<Record<string, EntitySchemaColumnOptions>>,
  rest: Partial<Entity> = {},
): Entity[] {
  return [{ name: 'o', columns: { id: { type: Number, primary: true }, ...columns }, ...rest }];
}

/** The same with one column, `v`. */
export const column = (options: EntitySchemaColumnOptions) => table({ v: options });

type TypeOrm = typeof typeorm;

/** A DataSource of one version of TypeORM with these entities, connected. */
export function connect(
  { EntitySchema, DataSource: AnyDataSource }: TypeOrm,
  entities: readonly Entity[],
  options: object,
): Promise<DataSource> {
  return new AnyDataSource({
    ...options,
    entities: entities.map((entity) => new EntitySchema(entity)),
  } as DataSourceOptions).initialize();
}

interface SchemaBuilder {
  log(): Promise<{ upQueries: { query: string; parameters?: unknown[] }[] }>;
  createMetadataTableIfNecessary(runner: QueryRunner): Promise<void>;
}

/** Runs what TypeORM would generate, as a migration does. */
export async function makeSchema(dataSource: DataSource): Promise<void> {
  const builder = dataSource.driver.createSchemaBuilder() as unknown as SchemaBuilder;
  const runner = dataSource.createQueryRunner();
  await builder.createMetadataTableIfNecessary(runner);
  const { upQueries } = await builder.log();
  for (const { query, parameters } of upQueries) await runner.query(query, parameters);
  await runner.release();
}

/** Statements that `migration:generate` would emit. */
export async function generated(dataSource: DataSource): Promise<number> {
  return (await dataSource.driver.createSchemaBuilder().log()).upQueries.length;
}

export async function driftOf(
  dataSource: DataSource,
  options: Partial<ReadDriftOptions> = {},
): Promise<Expected> {
  return brief(await readDrift(dataSource, { timeout: 10_000, ...options }));
}

/** A reading in a form that fits on a line. */
export function brief(reading: DriftReading): Expected {
  if ('skipped' in reading) return reading.skipped;
  return reading.differences.map(
    ({ change, table: of, name, statements }) =>
      `${change} ${of}${name === undefined ? '' : `.${name}`} ${statements}`,
  );
}
