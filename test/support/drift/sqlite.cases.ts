import { column, type DriftCase, type Entity, table } from './case';

const owner: Entity = { name: 'owner', columns: { id: { type: Number, primary: true } } };

const withKeys: Entity[] = [
  owner,
  {
    name: 'o',
    columns: { id: { type: Number, primary: true }, a: { type: Number }, b: { type: Number } },
    relations: {
      owner: { type: 'many-to-one', target: 'owner', nullable: false, joinColumn: { name: 'ownerId' } },
    },
    uniques: [{ columns: ['a', 'b'] }],
    checks: [{ expression: 'a > 0' }],
  },
];

export const SQLITE_CASES: readonly DriftCase[] = [
  {
    name: 'keys without names by hand',
    entities: withKeys,
    byHand: [
      'CREATE TABLE owner (id integer PRIMARY KEY NOT NULL)',
      'CREATE TABLE o (id integer PRIMARY KEY NOT NULL, a integer NOT NULL CHECK (a > 0), b integer NOT NULL,' +
        ' "ownerId" integer NOT NULL REFERENCES owner (id), UNIQUE (a, b))',
    ],
    drift: [
      'drop foreign key o 4',
      'create check constraint o.CHK_522284b9be290aac81e73f8c30 4',
      'create foreign key o.FK_bc7f9133b8044f1fc1ec5954365 4',
    ],
    except: {
      '0.3.12': 'other',
      '0.3.31': [
        'drop foreign key o 4',
        'create check constraint o.CHK_644504436f265dc755b03d6a6b 4',
        'create foreign key o.FK_bc7f9133b8044f1fc1ec5954365 4',
      ],
    },
  },
  { name: 'keys as TypeORM names them', entities: withKeys, drift: [] },
  {
    name: 'defaults',
    entities: table({
      a: { type: 'text', default: 'x' },
      b: { type: Boolean, default: false },
      c: { type: 'datetime', default: () => 'CURRENT_TIMESTAMP' },
      d: { type: 'decimal', precision: 10, scale: 2, default: 0 },
      e: { type: 'simple-enum', enum: ['x', 'y'], default: 'x' },
    }),
    drift: [],
  },
  {
    name: 'update date',
    entities: table({ v: { type: 'datetime', updateDate: true }, w: { type: 'datetime', createDate: true } }),
    drift: [],
  },
  {
    name: 'collation',
    entities: column({ type: 'varchar', collation: 'NOCASE' }),
    drift: [],
  },
  {
    name: 'partial index',
    entities: table({ v: { type: Number } }, { indices: [{ columns: ['v'], where: 'v > 0' }] }),
    drift: [],
  },
  {
    name: 'view',
    entities: [
      ...column({ type: Number }),
      { name: 'v', type: 'view', expression: 'SELECT id FROM o', columns: { id: { type: Number } } },
    ],
    drift: [],
  },
  {
    name: 'generated column',
    entities: table({
      a: { type: Number },
      v: { type: Number, generatedType: 'STORED', asExpression: 'a + 1' },
    }),
    drift: [],
  },
  {
    name: 'uuid key',
    entities: [{ name: 'o', columns: { id: { type: 'varchar', primary: true, generated: 'uuid' } } }],
    drift: [],
  },
  {
    name: 'an index by hand',
    entities: column({ type: Number }),
    after: ['CREATE INDEX by_hand ON o (v)'],
    drift: ['drop index o.by_hand 1'],
  },
  {
    name: 'columns more and less',
    entities: table({ a: { type: Number, nullable: true }, b: { type: Number, nullable: true } }),
    after: [
      'ALTER TABLE o DROP a',
      'ALTER TABLE o DROP b',
      'ALTER TABLE o ADD x varchar',
      'ALTER TABLE o ADD y varchar',
      'ALTER TABLE o ADD z varchar',
    ],
    drift: [
      'drop column o.x 2',
      'drop column o.y 1',
      'drop column o.z 1',
      'add column o.a 2',
      'add column o.b 2',
    ],
  },
  {
    name: 'a table dropped',
    entities: withKeys,
    after: ['DROP TABLE o'],
    drift: ['create table o 1', 'create foreign key o.FK_bc7f9133b8044f1fc1ec5954365 4'],
  },
];
