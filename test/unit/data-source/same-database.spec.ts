import type { DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { sameDatabases } from '../../../lib/data-source/same-database';

const pairs = (first: object, second: object) =>
  sameDatabases(
    new Map([first, second].map((options, index) => [`db${index}`, { options } as unknown as DataSource])),
  );

const POSTGRES = { type: 'postgres', host: 'db.internal', port: 5432, database: 'shop' };
const MYSQL = { type: 'mysql', host: 'db.internal', database: 'shop' };

describe('sameDatabases', () => {
  it.each<[string, object, object]>([
    [
      'a URL and its parts',
      POSTGRES,
      { type: 'postgres', url: 'postgres://me:secret@db.internal:5432/shop' },
    ],
    ['the standard port', POSTGRES, { type: 'postgres', url: 'postgres://db.internal/shop' }],
    ['another user', POSTGRES, { ...POSTGRES, username: 'reader' }],
    ['the address of this machine', { ...POSTGRES, host: 'localhost' }, { ...POSTGRES, host: '127.0.0.1' }],
    ['no host at all', { ...POSTGRES, host: 'localhost' }, { ...POSTGRES, host: undefined }],
    ['a host in capitals', POSTGRES, { ...POSTGRES, host: 'DB.internal' }],
    [
      'a URL that is encoded',
      { ...POSTGRES, database: 'my shop' },
      { type: 'postgres', url: 'postgres://db.internal/my%20shop' },
    ],
    [
      'the master of a replication',
      POSTGRES,
      { type: 'postgres', replication: { master: POSTGRES, slaves: [] } },
    ],
    ['the table by its default name', POSTGRES, { ...POSTGRES, migrationsTableName: 'migrations' }],
    ['both types of one server', MYSQL, { ...MYSQL, type: 'mariadb' }],
    [
      'one file',
      { type: 'better-sqlite3', database: 'a.db' },
      { type: 'better-sqlite3', database: `${process.cwd()}/a.db` },
    ],
  ])('sees through %s', (_what, first, second) => {
    expect(pairs(first, second)).toEqual([['db0', 'db1']]);
  });

  it.each<[string, object, object]>([
    ['databases', POSTGRES, { ...POSTGRES, database: 'other' }],
    ['schemas', POSTGRES, { ...POSTGRES, schema: 'tenant' }],
    ['tables', POSTGRES, { ...POSTGRES, migrationsTableName: 'history' }],
    ['hosts', POSTGRES, { ...POSTGRES, host: 'replica.internal' }],
    ['ports', POSTGRES, { ...POSTGRES, port: 5433 }],
    ['files', { type: 'better-sqlite3', database: 'a.db' }, { type: 'better-sqlite3', database: 'b.db' }],
    [
      'databases in memory',
      { type: 'better-sqlite3', database: ':memory:' },
      { type: 'better-sqlite3', database: ':memory:' },
    ],
    [
      'databases that cannot be told',
      { type: 'postgres', url: 'no url' },
      { type: 'postgres', url: 'no url' },
    ],
    [
      'databases without a name',
      { type: 'sqljs', database: new Uint8Array() },
      { type: 'sqljs', database: new Uint8Array() },
    ],
    ['options that throw', hostile(), hostile()],
  ])('tells different %s apart', (_what, first, second) => {
    expect(pairs(first, second)).toEqual([]);
  });

  it('is not about one instance under two names', () => {
    const dataSource = { options: POSTGRES } as unknown as DataSource;
    expect(
      sameDatabases(
        new Map([
          ['a', dataSource],
          ['b', dataSource],
        ]),
      ),
    ).toEqual([]);
  });
});

function hostile(): object {
  return new Proxy(
    {},
    {
      get() {
        throw new Error('not before init');
      },
    },
  );
}
