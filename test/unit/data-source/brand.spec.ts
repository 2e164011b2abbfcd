import { DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { isDataSource } from '../../../lib/data-source/brand';

describe('isDataSource', () => {
  it('knows a DataSource of any copy of typeorm by its brand', () => {
    expect(isDataSource(new DataSource({ type: 'better-sqlite3', database: ':memory:' }))).toBe(true);
    expect(isDataSource({ '@instanceof': Symbol.for('DataSource') })).toBe(true);
  });

  it('takes nothing else for one', () => {
    const hostile = new Proxy(
      {},
      {
        get() {
          throw new Error('not before init');
        },
      },
    );
    for (const value of [
      undefined,
      null,
      0,
      'DataSource',
      DataSource,
      {},
      { '@instanceof': Symbol('DataSource') },
      hostile,
    ]) {
      expect(isDataSource(value)).toBe(false);
    }
  });
});
