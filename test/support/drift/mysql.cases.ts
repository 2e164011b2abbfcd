import { column, type DriftCase, type Entity, table } from './case';

const owner: Entity = { name: 'owner', columns: { id: { type: Number, primary: true } } };

const withKey = (name?: string): Entity[] => [
  owner,
  {
    name: 'o',
    columns: { id: { type: Number, primary: true } },
    relations: {
      owner: {
        type: 'many-to-one',
        target: 'owner',
        nullable: false,
        joinColumn: { name: 'ownerId', ...(name !== undefined && { foreignKeyConstraintName: name }) },
      },
    },
  },
];

/** Cases of MariaDB and MySQL; `mysql` holds what MySQL has in other ways. */
export type MysqlCase = DriftCase & { readonly mysql?: Partial<DriftCase> };

export const MYSQL_CASES: readonly MysqlCase[] = [
  {
    name: "decimal default '0'",
    entities: column({ type: 'decimal', precision: 10, scale: 2, default: '0' }),
    drift: ['change column o.v 1'],
  },
  {
    name: "decimal default () => '0'",
    entities: column({ type: 'decimal', precision: 10, scale: 2, default: () => '0' }),
    drift: ['change column o.v 1'],
  },
  {
    name: 'decimal default 0',
    entities: column({ type: 'decimal', precision: 10, scale: 2, default: 0 }),
    drift: [],
  },
  {
    name: 'update date without a precision',
    entities: column({
      type: 'timestamp',
      precision: null,
      updateDate: true,
      default: () => 'CURRENT_TIMESTAMP',
    } as never),
    byHand: [
      'CREATE TABLE o (id int PRIMARY KEY, v timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)',
    ],
    drift: ['change column o.v 1'],
  },
  {
    name: 'update date that names what happens on an update',
    entities: column({
      type: 'timestamp',
      precision: null,
      updateDate: true,
      default: () => 'CURRENT_TIMESTAMP',
      onUpdate: 'CURRENT_TIMESTAMP',
    } as never),
    byHand: [
      'CREATE TABLE o (id int PRIMARY KEY, v timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)',
    ],
    drift: [],
  },
  { name: 'boolean default true', entities: column({ type: Boolean, default: true }), drift: [] },
  { name: 'boolean default false', entities: column({ type: 'boolean', default: false }), drift: [] },
  {
    name: 'tinyint(1) by hand',
    entities: column({ type: Boolean }),
    byHand: ['CREATE TABLE o (id int PRIMARY KEY, v tinyint(1) NOT NULL)'],
    drift: [],
    except: { '0.3.12': ['change column o.v 1'], '0.3.31': ['change column o.v 1'] },
    mysql: { drift: [], except: { '0.3.12': ['change column o.v 1'] } },
  },
  {
    name: 'varchar(36) key by hand',
    entities: [{ name: 'o', columns: { id: { type: 'uuid', primary: true, generated: 'uuid' } } }],
    byHand: ['CREATE TABLE o (id varchar(36) PRIMARY KEY)'],
    drift: ['change column o.id 3'],
    except: { '0.3.12': [] },
    mysql: { drift: [], except: {} },
  },
  {
    name: "json default ('{}')",
    entities: column({ type: 'json', default: () => "('{}')" }),
    drift: ['change column o.v 2'],
    except: { '0.3.12': ['change column o.v 1'] },
    mysql: { drift: ['change column o.v 1'], except: {} },
  },
  {
    name: "text default ('x')",
    entities: column({ type: 'text', default: () => "('x')" }),
    drift: ['change column o.v 1'],
  },
  {
    name: 'enum value with an apostrophe',
    entities: column({ type: 'enum', enum: ["it's", 'not'] }),
    drift: ['change column o.v 1'],
  },
  {
    name: 'float with a precision and no scale',
    entities: column({ type: 'float', precision: 10 }),
    drift: ['change column o.v 1'],
  },
  {
    name: 'float with a precision and a scale',
    entities: column({ type: 'float', precision: 10, scale: 2 }),
    drift: [],
  },
  {
    name: 'foreign key named by the server',
    entities: withKey(),
    byHand: [
      'CREATE TABLE owner (id int PRIMARY KEY)',
      'CREATE TABLE o (id int PRIMARY KEY, ownerId int NOT NULL, FOREIGN KEY (ownerId) REFERENCES owner (id))',
    ],
    drift: [
      'drop foreign key o.o_ibfk_1 1',
      'drop index o.ownerId 1',
      'create foreign key o.FK_bc7f9133b8044f1fc1ec5954365 1',
    ],
  },
  {
    name: 'foreign key that the entity names',
    entities: withKey('o_owner'),
    byHand: [
      'CREATE TABLE owner (id int PRIMARY KEY)',
      'CREATE TABLE o (id int PRIMARY KEY, ownerId int NOT NULL, CONSTRAINT o_owner FOREIGN KEY (ownerId)' +
        ' REFERENCES owner (id) ON DELETE NO ACTION ON UPDATE NO ACTION)',
    ],
    drift: [],
  },
  {
    name: 'unsigned key',
    entities: [
      { name: 'o', columns: { id: { type: 'int', unsigned: true, primary: true, generated: true } } },
    ],
    drift: [],
  },
  {
    name: 'uuid key',
    entities: [{ name: 'o', columns: { id: { type: 'uuid', primary: true, generated: 'uuid' } } }],
    drift: [],
  },
  {
    name: 'full-text index',
    entities: table({ v: { type: 'text' } }, { indices: [{ columns: ['v'], fulltext: true }] }),
    drift: [],
  },
  {
    name: 'column collation',
    entities: column({ type: 'varchar', charset: 'utf8mb4', collation: 'utf8mb4_bin' }),
    drift: [],
  },
  {
    name: 'int(11) and a single unique named by the server',
    entities: column({ type: 'int', unique: true }),
    byHand: ['CREATE TABLE o (id int(11) PRIMARY KEY, v int(11) NOT NULL UNIQUE)'],
    drift: ['drop index o.v 1', 'change column o.v 1'],
  },
  {
    name: 'a unique index that the entity names as the server did',
    entities: table({ v: { type: 'int' } }, { indices: [{ name: 'v', columns: ['v'], unique: true }] }),
    byHand: ['CREATE TABLE o (id int PRIMARY KEY, v int NOT NULL UNIQUE)'],
    drift: [],
  },
  {
    name: 'one-to-one',
    entities: [
      owner,
      {
        name: 'o',
        columns: { id: { type: Number, primary: true } },
        relations: { owner: { type: 'one-to-one', target: 'owner', joinColumn: true } },
      },
    ],
    drift: [],
  },
  {
    name: 'simple types',
    entities: table({
      a: { type: 'varchar', length: 20 },
      b: { type: 'datetime', precision: 6, createDate: true },
      c: { type: 'bigint', default: -1 },
      d: { type: 'simple-json', nullable: true },
    }),
    drift: [],
  },
  {
    name: 'entity with synchronize: false',
    entities: table({ v: { type: Number } }, { synchronize: false }),
    byHand: [],
    drift: [],
  },
  {
    name: 'an index by hand',
    entities: column({ type: Number }),
    after: ['CREATE INDEX by_hand ON o (v)'],
    drift: ['drop index o.by_hand 1'],
  },
  {
    name: 'columns more, less and changed',
    entities: table({ a: { type: Number }, b: { type: Number }, c: { type: Number } }),
    after: [
      'ALTER TABLE o ADD x int, ADD y int',
      'ALTER TABLE o DROP a',
      'ALTER TABLE o MODIFY b bigint NOT NULL',
    ],
    drift: ['drop column o.x 1', 'drop column o.y 1', 'add column o.a 1', 'change column o.b 2'],
  },
  {
    name: 'a table dropped',
    entities: withKey('o_owner'),
    after: ['DROP TABLE o'],
    drift: ['create table o 1', 'create foreign key o.o_owner 1'],
  },
  {
    name: 'query result cache whose table is missing',
    entities: column({ type: Number }),
    byHand: ['CREATE TABLE o (id int PRIMARY KEY, v int NOT NULL)'],
    options: { cache: true },
    drift: ['create table query-result-cache 1'],
  },
  {
    name: 'generated column without typeorm_metadata',
    entities: table({
      a: { type: Number },
      v: { type: Number, generatedType: 'STORED', asExpression: 'a + 1' },
    }),
    after: ['DROP TABLE typeorm_metadata'],
    drift: 'other',
  },
];
