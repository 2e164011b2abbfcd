import { DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { aliasOfToken, isConventionalToken, nameDataSources } from '../../../lib/data-source/alias';

class ReportingDatabase {}
class AuditDataSource {}
class Misnamed {
  static readonly name = 5 as never;
}

describe('aliasOfToken', () => {
  it.each([
    ['analyticsDataSource', 'analytics'],
    ['user_dataDataSource', 'user_data'],
    ['DATA_SOURCE', 'DATA_SOURCE'],
    ['DataSource', 'default'],
    [Symbol('reporting'), 'reporting'],
    [Symbol('reportingDataSource'), 'reportingDataSource'],
    [Symbol(), undefined],
    [ReportingDatabase, 'ReportingDatabase'],
    [AuditDataSource, 'Audit'],
    [Misnamed, undefined],
    [class {}, undefined],
  ])('%s: %s', (token, alias) => {
    expect(aliasOfToken(token)).toBe(alias);
  });
});

describe("TypeORM's own class", () => {
  const dataSource = new DataSource({ type: 'better-sqlite3', database: ':memory:' });

  it.each(['DataSource', 'DataSource2', 'uL'])('is default, called %s by a bundler', (name) => {
    const Renamed = class {};
    Object.defineProperty(Renamed, 'name', { value: name });
    const instance = Object.create(Renamed.prototype) as DataSource;
    expect(aliasOfToken(Renamed, instance)).toBe('default');
    expect(isConventionalToken(Renamed, instance)).toBe(true);
    expect(aliasOfToken(DataSource, dataSource)).toBe('default');
  });

  it('is not a class that extends it, nor one that has nothing to do with it', () => {
    class Tenant extends DataSource {}
    const tenant = new Tenant({ type: 'better-sqlite3', database: ':memory:' });
    expect(aliasOfToken(Tenant, tenant)).toBe('Tenant');
    expect(aliasOfToken(ReportingDatabase, dataSource)).toBe('ReportingDatabase');
  });
});

describe('isConventionalToken', () => {
  it("knows @nestjs/typeorm's tokens", () => {
    expect(
      [DataSource, 'xDataSource', 'x', Symbol('xDataSource')].map((token) => isConventionalToken(token)),
    ).toEqual([true, true, false, false]);
  });
});

describe('nameDataSources', () => {
  const [a, b, c] = ['a', 'b', 'c'].map(
    (database) => new DataSource({ type: 'better-sqlite3', database }),
  ) as [DataSource, DataSource, DataSource];
  const candidates = (named: [string, DataSource][]) =>
    named.map(([alias, dataSource]) => ({ alias, dataSource }));
  const aliases = (...explicit: [string, DataSource][]) => {
    const { named, clashes } = nameDataSources(candidates(explicit), []);
    return { named: [...named], clashes };
  };

  it('numbers those that come later', () => {
    expect(aliases(['default', a], ['default', b], ['default', c])).toEqual({
      named: [
        ['default', a],
        ['default#2', b],
        ['default#3', c],
      ],
      clashes: ['default'],
    });
  });

  it('names an instance that asks for two aliases twice, and one that asks again once', () => {
    expect(aliases(['main', a], ['default', a], ['main', a])).toEqual({
      named: [
        ['main', a],
        ['default', a],
      ],
      clashes: [],
    });
  });

  it('does not name what is found again if the application has named it', () => {
    const { named, clashes } = nameDataSources(
      candidates([['reporting#2', b]]),
      candidates([
        ['reporting', a],
        ['reporting', b],
        ['reporting', c],
      ]),
    );
    expect([...named]).toEqual([
      ['reporting#2', b],
      ['reporting', a],
      ['reporting#3', c],
    ]);
    expect(clashes).toEqual(['reporting']);
  });

  it('does not hand out an alias that stands there already', () => {
    expect(aliases(['x#2', a], ['x', b], ['x', c]).named.map(([alias]) => alias)).toEqual([
      'x#2',
      'x',
      'x#3',
    ]);
  });
});
