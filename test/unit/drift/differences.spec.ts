import { setImmediate as turn } from 'node:timers/promises';
import type { DataSource, QueryRunner } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { DifferenceRecorder } from '../../../lib/drift/differences';

const postgres = { options: { type: 'postgres' }, driver: {} } as unknown as DataSource;
const mysql = { options: { type: 'mysql' }, driver: { database: 'shop' } } as unknown as DataSource;

const statements = (count: number) => Array.from({ length: count }, () => ({ query: '' }));

/** A query runner as TypeORM's are: its methods call each other, and end in `executeQueries()`. */
class Runner {
  readonly sent: unknown[] = [];

  async executeQueries(up: unknown, _down: unknown): Promise<void> {
    this.sent.push(up);
  }
  async createIndex(_table: unknown, _index: unknown) {
    await turn();
    await this.executeQueries(statements(1)[0], []);
  }
  async createIndices(table: unknown, indices: unknown[]) {
    await Promise.all(indices.map((index) => this.createIndex(table, index)));
  }
  /** As SQLite does it: a table is rebuilt once for all. */
  async dropColumns(_table: unknown, _columns: unknown[]) {
    await this.executeQueries(statements(4), []);
  }
  async dropColumn(table: unknown, column: unknown) {
    await this.dropColumns(table, [column]);
  }
  async addColumn(_table: unknown, _column: unknown) {
    await this.executeQueries(statements(2), []);
  }
  async changeColumn(table: unknown, old: { name: string }, changed: unknown) {
    await this.dropColumn(table, old);
    await this.addColumn(table, changed);
  }
  async renameColumn(_table: unknown, old: { name: string }, renamed: { name: string }) {
    old.name = renamed.name;
    await this.executeQueries(statements(1), []);
  }
  async changeTableComment(_table: unknown, _comment: string) {
    await this.executeQueries(statements(1), []);
  }
  async createTable(_table: unknown, _ifNotExist: boolean) {
    await this.executeQueries(statements(3), []);
  }
  async updatePrimaryKeys(_table: unknown, _columns: unknown[]) {}
}

function listen(dataSource = postgres) {
  const recorder = new DifferenceRecorder(dataSource);
  const runner = new Runner();
  recorder.listenTo(runner as unknown as QueryRunner);
  return { runner, differences: recorder.differences };
}

const o = { name: 'o' };

describe('Named differences', () => {
  it('take what a method calls in turn for a part of it', async () => {
    const { runner, differences } = listen();
    await runner.changeColumn(o, { name: 'v' }, { name: 'v' });
    expect(differences).toEqual([{ change: 'change column', table: 'o', name: 'v', statements: 6 }]);
  });

  it('tell those apart that are made at the same time', async () => {
    const { runner, differences } = listen();
    await Promise.all([
      runner.createIndices(o, [{ name: 'a' }, { name: 'b' }]),
      runner.createIndex('other', { name: 'c' }),
    ]);
    expect(differences).toHaveLength(3);
    expect(differences).toEqual(
      expect.arrayContaining([
        { change: 'create index', table: 'o', name: 'a', statements: 1 },
        { change: 'create index', table: 'o', name: 'b', statements: 1 },
        { change: 'create index', table: 'other', name: 'c', statements: 1 },
      ]),
    );
  });

  it('share the statements of one that changes several', async () => {
    const { runner, differences } = listen();
    await runner.dropColumns(o, [{ name: 'a' }, { name: 'b' }, { name: 'c' }]);
    expect(differences.map(({ name, statements }) => [name, statements])).toEqual([
      ['a', 2],
      ['b', 1],
      ['c', 1],
    ]);
  });

  it('call a renamed column what the database calls it', async () => {
    const { runner, differences } = listen();
    await runner.renameColumn(o, { name: 'old' }, { name: 'new' });
    expect(differences).toEqual([{ change: 'rename column', table: 'o', name: 'old', statements: 1 }]);
  });

  it('hold no comment, and no name where the change is the table', async () => {
    const { runner, differences } = listen();
    await runner.changeTableComment(o, 'a secret');
    await runner.createTable(o, false);
    expect(differences).toEqual([
      { change: 'change table comment', table: 'o', statements: 1 },
      { change: 'create table', table: 'o', statements: 3 },
    ]);
  });

  it('leave out what takes no statement', async () => {
    const { runner, differences } = listen();
    await runner.updatePrimaryKeys(o, [{ name: 'id' }]);
    expect(differences).toEqual([]);
  });

  it('leave out the name of a key that has none', async () => {
    const { runner, differences } = listen();
    await runner.createIndex(o, {});
    expect(differences).toEqual([{ change: 'create index', table: 'o', statements: 1 }]);
  });

  it('leave out the database of MySQL, which differs between environments', async () => {
    const { runner, differences } = listen(mysql);
    await runner.createTable({ name: 'shop.o' }, false);
    await runner.createTable({ name: 'other.o' }, false);
    expect(differences.map(({ table }) => table)).toEqual(['o', 'other.o']);
  });

  it('pass every statement on', async () => {
    const { runner } = listen();
    await runner.changeColumn(o, { name: 'v' }, { name: 'v' });
    expect(runner.sent).toEqual([statements(4), statements(2)]);
  });
});
