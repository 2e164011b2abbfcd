import type { DataSource } from 'typeorm';
import type { OwnConnection } from './connection';
import { InvalidMigrationsError } from '../prometheus-migrations.errors';
import { failureOf, isMissingColumn, isMissingTable, MigrationFailure } from './failure';
import { type MigrationsTable, migrationsTable } from './table';

type Connection = Pick<OwnConnection, 'query' | 'queryRunner'>;
type Names = readonly string[];

/** Result of the last read; `unseen` means that the table has to be located first. */
type Known = 'unseen' | 'missing' | 'empty' | 'rows';

/** Thrown if the table has no column `name` of text: it belongs to the application or to another tool. */
export class ForeignTableError extends InvalidMigrationsError {
  constructor(path: string) {
    super(
      `The table "${path}" has no column "name" of text, so it is not TypeORM's, and runMigrations() would fail. ` +
        "Set the DataSource's option migrationsTableName to another name, or leave the connection out with the option exclude.",
    );
  }
}

/**
 * From this count on, one array is read faster than rows. Below it, the server takes longer to build the
 * array.
 */
const MANY = 40;

/** Reads the names that a database has recorded as applied. Never writes. */
export class RecordedMigrations {
  private known: Known = 'unseen';
  private hasAnswered = false;
  private made: { readonly of: readonly unknown[]; readonly table: MigrationsTable } | undefined;
  /** The table's schema, if the DataSource names none. */
  private schema: string | undefined;
  /** `false` on Redshift, and for a role that may not call catalogue functions. */
  private canProbe = true;
  /** Whether the names can be read as one array; their number, and the last array. */
  private canAggregate = false;
  private count = 0;
  private array: { readonly text: string; readonly names: Names } | undefined;

  constructor(private readonly dataSource: DataSource) {}

  /**
   * Reads the names, unordered and possibly with duplicates. Once it has seen the table, it sends one
   * statement. A missing table means that nothing is applied; an unreadable table is a failure. Passes on the
   * driver's errors.
   *
   * @throws {@link ForeignTableError} if the table is not TypeORM's
   */
  async read(connection: Connection): Promise<Names> {
    if (this.type === 'mongodb') return this.documents(connection);
    const table = this.currentTable();
    const { known } = this;
    this.known = 'unseen';
    const names =
      known === 'empty' || known === 'rows'
        ? await this.readAgain(table, connection, known)
        : await this.lookFor(table, connection, known === 'missing');
    this.hasAnswered = true;
    this.count = names?.length ?? 0;
    this.known = names === undefined ? 'missing' : names.length === 0 ? 'empty' : 'rows';
    return names ?? [];
  }

  /** Returns the statements, rebuilt if the DataSource's options have changed. */
  private currentTable(): MigrationsTable {
    const { driver, options } = this.dataSource;
    const { schema } = driver.options as { schema?: string };
    const madeOf = [driver, options.type, options.migrationsTableName, schema, driver.database];
    if (this.made === undefined || madeOf.some((part, index) => part !== this.made?.of[index]))
      this.made = { of: madeOf, table: migrationsTable(this.dataSource) };
    return this.made.table;
  }

  private get type(): string {
    return this.dataSource.options.type;
  }

  /** Returns the names of a table that existed; `undefined` if it is missing now. */
  private async readAgain(
    table: MigrationsTable,
    connection: Connection,
    known: 'empty' | 'rows',
  ): Promise<Names | undefined> {
    if (this.canAggregate && this.count >= MANY) return this.readArray(table, connection);
    const isGuarded = known === 'empty' && this.canProbe && table.selectGuarded !== undefined;
    const names = await this.select(
      connection,
      isGuarded ? table.selectGuarded?.(this.schema) : table.select(this.schema),
    );
    // Dropped, reverted or hidden by a policy since: that needs a closer look.
    const isDoubtful =
      names === undefined ||
      names.includes(null) ||
      (names.length === 0 && known === 'rows' && !!table.probe);
    return isDoubtful ? this.lookFor(table, connection, false) : this.namesIn(names);
  }

  /** Returns the names of a table that had rows; parses them only if they have changed. */
  private async readArray(table: MigrationsTable, connection: Connection): Promise<Names | undefined> {
    const rows = await this.tryToAsk<{ names: string | null }>(
      connection,
      table.selectArray?.(this.schema) as string,
    );
    const text = rows?.[0]?.names;
    // Dropped, reverted or hidden by a policy since: that needs a closer look.
    if (typeof text !== 'string') {
      const names = await this.lookFor(table, connection, false);
      // The table is readable, so the role may no longer call the function.
      if (rows === undefined && names !== undefined) this.canAggregate = false;
      return names;
    }
    if (this.array?.text !== text) this.array = { text, names: onlyNames(JSON.parse(text) as unknown[]) };
    return this.array.names;
  }

  /** Returns the names of a table that may be missing; `undefined` if it is. */
  private async lookFor(
    table: MigrationsTable,
    connection: Connection,
    wasMissing: boolean,
  ): Promise<Names | undefined> {
    if (wasMissing && table.poll !== undefined) {
      const rows = await connection.query<{ found: unknown }>(table.poll);
      if (rows.length === 0 ? !table.noRowMeansNoDatabase : rows[0]?.found == null) return undefined;
    }
    if (!(await this.locate(table, connection))) return undefined;
    const names = await this.select(connection, table.select(this.schema));
    if (names !== undefined) return this.namesIn(names);
    if (table.missingMayBeDenied) throw new MigrationFailure('denied');
    if (this.hasAnswered && table.noRowMeansNoDatabase && table.poll !== undefined) {
      const rows = await connection.query(table.poll);
      if (rows.length === 0) throw new MigrationFailure('unreachable');
    }
    return undefined;
  }

  private namesIn(values: readonly unknown[]): Names {
    const names = onlyNames(values);
    const hasOther = names.length === 0 && values.some((value) => value !== null);
    if (hasOther) throw new ForeignTableError(this.currentTable().path);
    return names;
  }

  /** Locates the table's schema. `false` if the table is missing. */
  private async locate(
    { path, probe, currentSchema }: MigrationsTable,
    connection: Connection,
  ): Promise<boolean> {
    this.schema = undefined;
    if (probe !== undefined && this.canProbe) {
      const rows = await this.tryToAsk<{
        schema?: string;
        readable: unknown;
        named?: boolean;
        aggregates?: boolean;
      }>(connection, probe);
      if (rows !== undefined) {
        const [found] = rows;
        if (found === undefined) return false;
        if (!found.readable) throw new MigrationFailure('denied');
        if (found.named === false) throw new ForeignTableError(path);
        if (currentSchema !== undefined) this.schema = found.schema;
        this.canAggregate = found.aggregates === true;
        return true;
      }
      this.canProbe = false;
    }
    if (currentSchema !== undefined) {
      const rows = await this.tryToAsk<{ schema: string | null }>(connection, currentSchema);
      this.schema = rows?.[0]?.schema ?? undefined;
    }
    return true;
  }

  /** Returns `undefined` if the server refuses this query to this role: `select` may still work. */
  private async tryToAsk<Row>(
    connection: Connection,
    statement: string,
  ): Promise<readonly Row[] | undefined> {
    try {
      return await connection.query<Row>(statement);
    } catch (error) {
      const { reason } = failureOf(error, this.type);
      if (reason === 'denied' || reason === 'other') return undefined;
      throw error;
    }
  }

  /** Returns the names; `undefined` if the table is missing. */
  private async select(connection: Connection, statement = ''): Promise<readonly unknown[] | undefined> {
    try {
      const rows = await connection.query<{ name: unknown }>(statement);
      return rows.map(({ name }) => name);
    } catch (error) {
      if (isMissingTable(error, this.type)) return undefined;
      if (isMissingColumn(error, this.type)) throw new ForeignTableError(this.currentTable().path);
      throw error;
    }
  }

  private async documents({ queryRunner }: Connection): Promise<Names> {
    const recorded = await (queryRunner as unknown as MongoRunner)
      .cursor(this.dataSource.options.migrationsTableName ?? 'migrations', {})
      .project({ _id: 0, name: 1 })
      .batchSize(MONGO_BATCH_SIZE)
      .toArray();
    return onlyNames(recorded.map(({ name }) => name));
  }
}

/** TypeORM compares names with `===`, so a value that is not a string matches no migration. */
function onlyNames(values: readonly unknown[]): Names {
  return values.every(isString) ? values : values.filter(isString);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

interface MongoRunner {
  cursor(
    collection: string,
    filter: object,
  ): {
    project(fields: object): {
      batchSize(size: number): { toArray(): Promise<{ name?: unknown }[]> };
    };
  };
}

/** Large enough to get any list of migrations in the first batch. */
const MONGO_BATCH_SIZE = 100_000;
