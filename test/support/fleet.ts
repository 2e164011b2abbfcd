import { setTimeout } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { openDataSource } from './data-sources';
import { interceptStatements } from './intercept';
import { defineMigrations } from './migrations';

/** Many DataSources on SQLite, whose statements take so long as a test wants. */
export class Fleet {
  readonly dataSources: Record<string, DataSource> = {};
  /** Statements that are not answered. */
  underWay = 0;
  /** The most that have ever been under way at one time. */
  most = 0;
  private readonly hanging = new Set<string>();
  private release!: () => void;
  private released = new Promise<void>((resolve) => (this.release = resolve));

  private constructor(
    /** Milliseconds that a statement takes. */
    public ms: number,
  ) {}

  static async open(count: number, ms: number): Promise<Fleet> {
    const fleet = new Fleet(ms);
    for (let index = 0; index < count; index += 1) await fleet.add(`db_${index}`);
    return fleet;
  }

  /** The statements of these are not answered until {@link answer} is called. */
  hang(...names: readonly string[]): void {
    for (const name of names) this.hanging.add(name);
  }

  /** Answers what hangs. */
  answer(): void {
    this.hanging.clear();
    this.release();
    this.released = new Promise((resolve) => (this.release = resolve));
  }

  private async add(name: string): Promise<void> {
    const migrations = defineMigrations(3);
    const { dataSource } = await openDataSource({ type: 'better-sqlite3', database: ':memory:', migrations });
    interceptStatements(dataSource, async (send) => {
      this.underWay += 1;
      this.most = Math.max(this.most, this.underWay);
      await (this.hanging.has(name) ? this.released : setTimeout(this.ms));
      this.underWay -= 1;
      return send();
    });
    this.dataSources[name] = dataSource;
  }
}
