import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, QueryRunner } from 'typeorm';
import type { DriftChange, DriftDifference } from './reading';

/** Methods of a query runner that change one thing, which their second argument names. */
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

/** Methods that change a table or a view as such. Their second argument may be a comment, which is not told. */
const UNNAMED: Readonly<Record<string, DriftChange>> = {
  createTable: 'create table',
  createView: 'create view',
  dropView: 'drop view',
  updatePrimaryKeys: 'update primary keys',
  changeTableComment: 'change table comment',
};

/** Methods that take several. SQLite rebuilds a table once for all of them; other drivers call the method for one. */
const PLURALS: Readonly<Record<string, DriftChange>> = Object.fromEntries(
  Object.entries(NAMED).map(([method, change]) => [method.replace(/x$/, 'ice') + 's', change]),
);

type Method = (...parameters: unknown[]) => Promise<unknown>;

/** A call of the schema builder whose statements are counted. */
interface Call {
  readonly isPlural: boolean;
  statements: number;
}

/** Names the differences that a schema builder finds, by what it asks of its query runner. */
export class DifferenceRecorder {
  readonly differences: DriftDifference[] = [];
  /** What TypeORM puts before the name of a table that is the connection's own database's. */
  private readonly prefix: string;
  /** TypeORM drops the indexes of a table all at once: their statements come in turns. */
  private readonly call = new AsyncLocalStorage<Call>();

  constructor({ driver, options }: DataSource) {
    this.prefix = options.type === 'mysql' || options.type === 'mariadb' ? `${driver.database}.` : '';
  }

  /** Replaces the methods of a query runner by which the schema builder changes a schema. */
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
    // What a method calls in turn is a part of its own change, but a method for several only passes it on.
    if (this.call.getStore()?.isPlural === false) return work();
    const call: Call = { isPlural, statements: 0 };
    // The method renames the very object that it was given.
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

/** So many statements over so many things, as evenly as it goes. */
function spread(statements: number, count: number): number[] {
  return Array.from(
    { length: count },
    (_, index) => Math.floor(statements / count) + (index < statements % count ? 1 : 0),
  );
}

/** The name of a table, column, index or constraint; that of the old column where there is a new one as well. */
function nameOf(item: unknown): string | undefined {
  if (typeof item === 'string') return item;
  const { name, oldColumn } = (item ?? {}) as { name?: unknown; oldColumn?: { name?: unknown } };
  const known = oldColumn?.name ?? name;
  return typeof known === 'string' ? known : undefined;
}
