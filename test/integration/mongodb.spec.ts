import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeDataSources, openDataSource } from '../support/data-sources';
import { defineMigrations } from '../support/migrations';
import { MongodbStandIn } from '../support/mongodb.stand-in';
import { countsOf } from '../support/reading';

describe('MongoDB', () => {
  let server: MongodbStandIn;
  let dataSource: DataSource;

  beforeEach(async () => {
    server = await MongodbStandIn.listen();
    ({ dataSource } = await openDataSource({
      type: 'mongodb',
      url: server.url,
      migrations: defineMigrations(3),
      migrationsTableName: 'runs',
    }));
  });
  afterEach(async () => {
    await closeDataSources();
    await server.close();
  });

  it('reads a missing collection as nothing applied', async () => {
    expect(await countsOf(dataSource)()).toEqual({ applied: 0, unapplied: 3 });
  });

  it('asks for the names of all documents with one command', async () => {
    server.collections = {
      runs: [{ name: 'Step1700000000000' }, { name: 'Step1700000000000' }, { name: 'Old1600000000000' }],
    };
    expect(await countsOf(dataSource)()).toEqual({ applied: 2, unapplied: 2 });
    expect(server.commands).toMatchObject([{ find: 'runs', filter: {}, projection: { _id: 0, name: 1 } }]);
  });

  it("leaves out documents without a name, which are the application's own", async () => {
    server.collections = { runs: [{ from: 'Oslo' }, { name: 7 }, { name: 'Step1700000000000' }] };
    expect(await countsOf(dataSource)()).toEqual({ applied: 1, unapplied: 2 });
  });

  it('is denied where the role may not read', async () => {
    server.denied = true;
    expect(await countsOf(dataSource)()).toBe('denied');
  });
});
