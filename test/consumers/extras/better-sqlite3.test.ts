import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { INestApplication } from '@nestjs/common';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import type { DataSource } from 'typeorm';
import { scrape, start } from './application.js';
import { Registry } from './client.js';
import { CreateAuthor1700000000000 } from './migrations.js';

describe('better-sqlite3', () => {
  let app: INestApplication;

  afterEach(() => app.close());

  it('is read before and after its migration', async () => {
    app = await start({
      imports: [
        TypeOrmModule.forRoot({
          name: 'native',
          type: 'better-sqlite3',
          database: ':memory:',
          migrations: [CreateAuthor1700000000000],
        }),
        PrometheusMigrationsModule.forRoot({ registry: new Registry(), maxAge: 0 }),
      ],
    });
    const unapplied = /^typeorm_migrations_unapplied_total\{connection="native"\} (\S+)$/m;
    assert.equal(unapplied.exec((await scrape(app)).body)?.[1], '1');
    await app.get<DataSource>(getDataSourceToken('native')).runMigrations();
    assert.equal(unapplied.exec((await scrape(app)).body)?.[1], '0');
  });
});
