import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, QueryRunner } from 'typeorm';
import type { DriftChange, DriftDifference } from './reading';

/** Methods of a query runner that change one thing, named by their second argument. */
const NAMED: Readonly<Record<string, DriftChange>> = {
  addColumn: 'add column',
  dropColumn: 'drop column',
  changeColumn: 'change column',
  renameColumn: 'rename column',
  createIndex: 'create index',
  dropIndex: 'drop index',
  createViewIndex: 'create view index',
  dropViewIndex: 'drop view index',
  createForeignKey: 'create foreign key',
  dropForeignKey: 'drop foreign key',
  createUniqueConstraint: 'create unique constraint',
  dropUniqueConstraint: 'drop unique constraint',
  createCheckConstraint: 'create check constraint',
  dropCheckConstraint: 'drop check constraint',
  createExclusionConstraint: 'create exclusion constraint',
  dropExclusionConstraint: 'drop exclusion constraint',
};

/**
 * Methods that change a whole table or view. Their second argument may be a comment, which is not reported.
 */
const UNNAMED: Readonly<Record<string, DriftChange>> = {
  createTable: 'create table',
  createView: 'create view',
  dropView: 'drop view',
  updatePrimaryKeys: 'update primary keys',
  changeTableComment: 'change table comment',
};

/**
 * Methods that take several things. SQLite rebuilds a table once for all of them; other drivers call the
 * singular method for each.
 */
const PLURALS: Readonly<Record<string, DriftChange>> = Object.fromEntries(
  Object.entries(NAMED).map(([method, change]) => [method.replace(/x$/, 'ice') + 's', change]),
);

type Method = (...parameters: unknown[]) => Promise<unknown>;

/** A call of the schema builder whose statements are counted. */
interface Call {
  readonly isPlural: boolean;
  statements: number;
}

/** Records the differences that a schema builder finds, from its calls of the query runner. */
export class DifferenceRecorder {
  readonly differences: DriftDifference[] = [];
  /** TypeORM's prefix of table names in the connection's own database. */
  private readonly prefix: string;
  /** The current call. TypeORM drops the indexes of a table concurrently, so their statements interleave. */
  private readonly call = new AsyncLocalStorage<Call>();

  constructor({ driver, options }: DataSource) {
    this.prefix = options.type === 'mysql' || options.type === 'mariadb' ? `${driver.database}.` : '';
  }

  /** Wraps the methods of a query runner with which the schema builder changes a schema. */
  listenTo(runner: QueryRunner): void {
    const methods = runner as unknown as Record<string, Method>;
    const replace = (method: string, change: DriftChange, named: (second: unknown) => readonly unknown[]) => {
      const original = methods[method];
      if (original === undefined) return;
      const isPlural = method in PLURALS;
      methods[method] = (table, second, ...rest) =>
        this.record(change, this.tableOf(table), named(second), isPlural, () =>
          original.call(runner, table, second, ...rest),
        );
    };
    for (const [method, change] of Object.entries(NAMED)) replace(method, change, (item) => [item]);
    for (const [method, change] of Object.entries(UNNAMED)) replace(method, change, () => [undefined]);
    for (const [method, change] of Object.entries(PLURALS)) {
      replace(method, change, (items) => (Array.isArray(items) ? items : [undefined]));
    }
    this.countStatements(methods);
  }

  private tableOf(table: unknown): string {
    const name = nameOf(table) ?? '';
    return name.startsWith(this.prefix) ? name.slice(this.prefix.length) : name;
  }

  private countStatements(methods: Record<string, Method>): void {
    const original = methods['executeQueries'] as Method;
    methods['executeQueries'] = (up, down) => {
      const call = this.call.getStore();
      if (call !== undefined) call.statements += Array.isArray(up) ? up.length : 1;
      return original.call(methods, up, down);
    };
  }

  private async record(
    change: DriftChange,
    table: string,
    items: readonly unknown[],
    isPlural: boolean,
    work: () => Promise<unknown>,
  ): Promise<unknown> {
    // A nested call is part of the outer change, except in a plural method, which only passes it on.
    if (this.call.getStore()?.isPlural === false) return work();
    const call: Call = { isPlural, statements: 0 };
    // Read the names first, because the method renames its argument.
    const names = items.map(nameOf);
    const result = await this.call.run(call, work);
    spread(call.statements, names.length).forEach((statements, index) => {
      const name = names[index];
      if (statements > 0) {
        this.differences.push({ change, table, ...(name !== undefined && { name }), statements });
      }
    });
    return result;
  }
}

/** Distributes statements over things as evenly as possible. */
function spread(statements: number, count: number): number[] {
  return Array.from(
    { length: count },
    (_, index) => Math.floor(statements / count) + (index < statements % count ? 1 : 0),
  );
}

/** Returns the name of a table, column, index or constraint; the old name if there is a new one too. */
function nameOf(item: unknown): string | undefined {
  if (typeof item === 'string') return item;
  const { name, oldColumn } = (item ?? {}) as { name?: unknown; oldColumn?: { name?: unknown } };
  const known = oldColumn?.name ?? name;
  return typeof known === 'string' ? known : undefined;
}
