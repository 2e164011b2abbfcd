import type { DataSource } from 'typeorm';
import type { OwnConnection } from './connection';
import { InvalidMigrationsError } from '../prometheus-migrations.errors';
import { failureOf, isMissingColumn, isMissingTable, MigrationFailure } from './failure';
import { type MigrationsTable, migrationsTable } from './table';

type Connection = Pick<OwnConnection, 'query' | 'queryRunner'>;
type Names = readonly string[];

/** What the last read found; `unseen`: the table has to be looked for. */
type Known = 'unseen' | 'missing' | 'empty' | 'rows';

/** The table has no column `name`, or one that holds no text: it is the application's own, or another tool's. */
export class ForeignTableError extends InvalidMigrationsError {
  constructor(path: string) {
    super(
      `The table "${path}" has no column "name" of text, so it is not TypeORM's, and runMigrations() would fail. ` +
        "Set the DataSource's option migrationsTableName to another name, or leave the connection out with the option exclude.",
    );
  }
}

/** Names from which on one array is read faster than as many rows: the server takes longer to make it. */
const MANY = 40;

/** Reads the names that a database has recorded as applied. Never writes. */
export class RecordedMigrations {
  private known: Known = 'unseen';
  private hasAnswered = false;
  private made: { readonly of: readonly unknown[]; readonly table: MigrationsTable } | undefined;
  /** Where the table was found, if the DataSource names no schema. */
  private schema: string | undefined;
  /** Not on Redshift, nor for a role from which catalogue functions were revoked. */
  private canProbe = true;
  /** Whether the names can be read as one array, how many there were, and what the array was when it was read last. */
  private canAggregate = false;
  private count = 0;
  private array: { readonly text: string; readonly names: Names } | undefined;

  constructor(private readonly dataSource: DataSource) {}

  /**
   * Reads the names, unordered and maybe twice. Sends one statement once the table has been seen. A
   * missing table means that nothing is applied; a table that may not be read is a failure. Throws what
   * the driver throws.
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

  /** The statements, rebuilt when the DataSource's options have changed. */
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

  /** Names of a table that was there; `undefined` if it is missing now. */
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

  /** Names of a table that had rows, parsed only if they have changed. */
  private async readArray(table: MigrationsTable, connection: Connection): Promise<Names | undefined> {
    const rows = await this.tryToAsk<{ names: string | null }>(
      connection,
      table.selectArray?.(this.schema) as string,
    );
    const text = rows?.[0]?.names;
    // Dropped, reverted or hidden by a policy since: that needs a closer look.
    if (typeof text !== 'string') {
      const names = await this.lookFor(table, connection, false);
      // The table is readable, so the function is not: it was revoked.
      if (rows === undefined && names !== undefined) this.canAggregate = false;
      return names;
    }
    if (this.array?.text !== text) this.array = { text, names: onlyNames(JSON.parse(text) as unknown[]) };
    return this.array.names;
  }

  /** Names of a table that may be missing; `undefined` if it is. */
  private async lookFor(
    table: MigrationsTable,
    connection: Connection,
    wasMissing: boolean,
  ): Promise<Names | undefined> {
    if (wasMissing && table.poll !== undefined) {
      const rows = await connection.query<{ found: unknown }>(table.poll);
      if (rows.length === 0 ? !table.tellsGone : rows[0]?.found == null) return undefined;
    }
    if (!(await this.locate(table, connection))) return undefined;
    const names = await this.select(connection, table.select(this.schema));
    if (names !== undefined) return this.namesIn(names);
    if (table.missingMayBeDenied) throw new MigrationFailure('denied');
    if (this.hasAnswered && table.tellsGone && table.poll !== undefined) {
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

  /** Whether the table may be there; learns in which schema. */
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

  /** `undefined` if the server does not answer this question to this role: `select` may still work. */
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

  /** The names; `undefined` if the table is missing. */
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

/** Whatever else stands there is no migration's name: TypeORM compares it with `===`. */
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

/** Large enough for the first answer to hold any list of migrations. */
const MONGO_BATCH_SIZE = 100_000;
