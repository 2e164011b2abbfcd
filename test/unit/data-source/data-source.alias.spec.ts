import { DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import {
  aliasOfToken,
  isConventionalToken,
  nameDataSources,
} from '../../../lib/data-source/data-source.alias';

class ReportingDatabase {}
class AuditDataSource {}
class Misnamed {
  static readonly name = 5 as never;
}

describe('aliasOfToken', () => {
  it.each([
    [DataSource, 'default'],
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

describe('isConventionalToken', () => {
  it("knows @nestjs/typeorm's tokens", () => {
    expect([DataSource, 'xDataSource', 'x', Symbol('xDataSource')].map(isConventionalToken)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('nameDataSources', () => {
  const [a, b, c] = ['a', 'b', 'c'].map(
    (database) => new DataSource({ type: 'better-sqlite3', database }),
  ) as [DataSource, DataSource, DataSource];
  const aliases = (...candidates: [string, DataSource][]) => {
    const { named, clashes } = nameDataSources(
      candidates.map(([alias, dataSource]) => ({ alias, dataSource })),
    );
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

  it('does not hand out an alias that stands there already', () => {
    expect(aliases(['x#2', a], ['x', b], ['x', c]).named.map(([alias]) => alias)).toEqual([
      'x#2',
      'x',
      'x#3',
    ]);
  });
});
