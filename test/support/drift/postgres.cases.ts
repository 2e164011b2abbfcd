import { column, type DriftCase, type Entity, table } from './case';

const owner: Entity = { name: 'owner', columns: { id: { type: Number, primary: true } } };

/** `o` with a foreign key, an index, a composite unique and a check. */
const withKeys = (
  names: { key?: string; index?: string; unique?: string; check?: string } = {},
): Entity[] => [
  owner,
  {
    name: 'o',
    columns: { id: { type: Number, primary: true }, a: { type: Number }, b: { type: Number } },
    relations: {
      owner: {
        type: 'many-to-one',
        target: 'owner',
        nullable: false,
        joinColumn: {
          name: 'ownerId',
          ...(names.key !== undefined && { foreignKeyConstraintName: names.key }),
        },
      },
    },
    indices: [{ columns: ['a'], ...(names.index !== undefined && { name: names.index }) }],
    uniques: [{ columns: ['a', 'b'], ...(names.unique !== undefined && { name: names.unique }) }],
    checks: [{ expression: 'a > 0', ...(names.check !== undefined && { name: names.check }) }],
  },
];

const keysByHand = [
  'CREATE TABLE owner (id int CONSTRAINT "PK_8e86b6b9f94aece7d12d465dc0c" PRIMARY KEY)',
  'CREATE TABLE o (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL, "ownerId" int NOT NULL,' +
    ' CONSTRAINT o_owner FOREIGN KEY ("ownerId") REFERENCES owner (id),' +
    ' CONSTRAINT o_a_b UNIQUE (a, b), CONSTRAINT o_a_positive CHECK (a > 0))',
  'CREATE INDEX o_a ON o (a)',
];

const view = (expression: string, rest: Partial<Entity> = {}): Entity => ({
  name: 'v',
  type: 'view',
  expression,
  columns: { id: { type: Number } },
  ...rest,
});

const generatedColumn = table({
  a: { type: String },
  v: { type: String, generatedType: 'STORED', asExpression: 'upper(a)' },
});

const enumOf = (...values: (string | number)[]) => ({ type: 'enum' as const, enum: values });

/** Drift that TypeORM sees in a schema of its own, or in one that means the same. */
export const FALSE_POSITIVES: readonly DriftCase[] = [
  {
    name: 'jsonb default as a JSON string',
    entities: column({ type: 'jsonb', default: JSON.stringify({ a: 1 }) }),
    drift: ['change column o.v 1'],
  },
  {
    name: 'default with a cast',
    entities: column({ type: 'jsonb', default: () => "'{}'::jsonb" }),
    drift: ['change column o.v 1'],
  },
  {
    name: 'default ARRAY[]::text[]',
    entities: column({ type: 'text', array: true, default: () => 'ARRAY[]::text[]' }),
    drift: ['change column o.v 1'],
  },
  {
    name: "default now() + interval '15 days'",
    entities: column({ type: 'timestamptz', default: () => "now() + interval '15 days'" }),
    drift: ['change column o.v 1'],
  },
  {
    name: 'default replace() of a cast',
    entities: column({ type: 'text', default: () => "replace(now()::text, '-', '')" }),
    drift: ['change column o.v 1'],
  },
  {
    name: "decimal default '0.00'",
    entities: column({ type: 'decimal', precision: 10, scale: 2, default: '0.00' }),
    drift: ['change column o.v 1'],
  },
  {
    name: "boolean default 'false'",
    entities: column({ type: Boolean, default: 'false' }),
    drift: ['change column o.v 1'],
  },
  {
    name: "integer default () => '5'",
    entities: column({ type: Number, default: () => '5' }),
    drift: ['change column o.v 1'],
  },
  {
    name: "time default '09:00'",
    entities: column({ type: 'time', default: '09:00' }),
    drift: ['change column o.v 1'],
  },
  {
    name: 'text default with ::',
    entities: column({ type: 'text', default: 'a::b' }),
    drift: ['change column o.v 1'],
  },
  {
    name: 'uuid default gen_random_uuid() with uuid-ossp',
    entities: column({ type: 'uuid', default: () => 'gen_random_uuid()' }),
    drift: ['change column o.v 2'],
  },
  {
    name: 'enumName equal to the one TypeORM would choose',
    entities: column({ ...enumOf('x', 'y'), enumName: 'o_v_enum' }),
    drift: ['change column o.v 4'],
  },
  {
    name: 'enum type name over 63 characters',
    entities: [
      {
        name: 'a_table_with_a_name_of_forty_characters_x',
        columns: {
          id: { type: Number, primary: true },
          a_column_of_thirty_characters: enumOf('x', 'y'),
        },
      },
    ],
    drift: ['change column a_table_with_a_name_of_forty_characters_x.a_column_of_thirty_characters 4'],
  },
  {
    name: 'generated column after a restore under another name',
    entities: generatedColumn,
    after: [`UPDATE typeorm_metadata SET "database" = 'another'`],
    drift: ['change column o.v 4'],
  },
  {
    name: 'generated column with the option schema',
    entities: generatedColumn,
    options: { schema: 'app' },
    before: ['CREATE SCHEMA app'],
    drift: ['change column app.o.v 4'],
  },
  {
    name: 'view with the option schema',
    entities: [...column({ type: Number }), view('SELECT id FROM app.o')],
    options: { schema: 'app' },
    before: ['CREATE SCHEMA app'],
    drift: [],
  },
  {
    name: 'view made by hand',
    entities: [...column({ type: Number }), view('SELECT id FROM o')],
    after: ['DELETE FROM typeorm_metadata'],
    drift: ['create view v 2'],
  },
  {
    name: 'foreign key, index, composite unique and check named by hand',
    entities: withKeys(),
    byHand: keysByHand,
    drift: [
      'drop foreign key o.o_owner 1',
      'drop index o.o_a 1',
      'drop check constraint o.o_a_positive 1',
      'drop unique constraint o.o_a_b 1',
      'create index o.IDX_3666bea0b9fbcbb29bc313f116 1',
      'create check constraint o.CHK_522284b9be290aac81e73f8c30 1',
      'create unique constraint o.UQ_e03ed82a5f22f8978da41dbba7d 1',
      'create foreign key o.FK_bc7f9133b8044f1fc1ec5954365 1',
    ],
    except: {
      '0.3.12': [
        'drop foreign key o.o_owner 1',
        'drop index o.o_a 1',
        'drop check constraint o.o_a_positive 1',
        'drop unique constraint o.o_a_b 1',
        'create index o.IDX_3666bea0b9fbcbb29bc313f116 1',
        'create check constraint o.CHK_644504436f265dc755b03d6a6b 1',
        'create unique constraint o.UQ_e03ed82a5f22f8978da41dbba7d 1',
        'create foreign key o.FK_bc7f9133b8044f1fc1ec5954365 1',
      ],
      '0.3.31': [
        'drop foreign key o.o_owner 1',
        'drop index o.o_a 1',
        'drop check constraint o.o_a_positive 1',
        'drop unique constraint o.o_a_b 1',
        'create index o.IDX_3666bea0b9fbcbb29bc313f116 1',
        'create check constraint o.CHK_644504436f265dc755b03d6a6b 1',
        'create unique constraint o.UQ_e03ed82a5f22f8978da41dbba7d 1',
        'create foreign key o.FK_bc7f9133b8044f1fc1ec5954365 1',
      ],
    },
  },
  {
    name: 'table in the second schema of the search_path',
    entities: column({ type: Number }),
    options: { extra: { options: '-c search_path=public,app' } },
    before: ['CREATE SCHEMA app', 'CREATE TABLE app.o (id int PRIMARY KEY, v int NOT NULL)'],
    byHand: [],
    drift: ['create table o 1'],
  },
  {
    name: 'query result cache whose table is missing',
    entities: column({ type: Number }),
    byHand: ['CREATE TABLE o (id int PRIMARY KEY, v int NOT NULL)'],
    options: { cache: true },
    drift: ['create table query-result-cache 1'],
  },
  {
    name: "default timezone('utc', now())",
    entities: column({ type: 'timestamp', default: () => "timezone('utc', now())" }),
    drift: [],
    except: { '0.3.12': ['change column o.v 1'] },
  },
  {
    name: "default (now() AT TIME ZONE 'utc')",
    entities: column({ type: 'timestamp', default: () => "(now() AT TIME ZONE 'utc')" }),
    drift: [],
    except: { '0.3.12': ['change column o.v 1'] },
  },
];

/** What hides the false positives in the entity. */
const CURES: readonly DriftCase[] = [
  { name: 'jsonb default as an object', entities: column({ type: 'jsonb', default: { a: 1 } }), drift: [] },
  {
    name: 'jsonb default without a cast',
    entities: column({ type: 'jsonb', default: () => "'{}'" }),
    drift: [],
  },
  { name: "array default '{}'", entities: column({ type: 'text', array: true, default: '{}' }), drift: [] },
  { name: 'array default []', entities: column({ type: 'text', array: true, default: [] }), drift: [] },
  {
    name: 'decimal default 0',
    entities: column({ type: 'decimal', precision: 10, scale: 2, default: 0 }),
    drift: [],
  },
  { name: 'boolean default false', entities: column({ type: Boolean, default: false }), drift: [] },
  {
    name: 'uuid default gen_random_uuid() with pgcrypto',
    entities: column({ type: 'uuid', generated: 'uuid' }),
    options: { uuidExtension: 'pgcrypto' },
    drift: [],
  },
  {
    name: 'enumName of its own',
    entities: column({ ...enumOf('x', 'y'), enumName: 'kind' }),
    drift: [],
  },
  { name: 'integer default 5', entities: column({ type: Number, default: 5 }), drift: [] },
  {
    name: 'time default with seconds',
    entities: column({ type: 'time', default: '09:00:00' }),
    drift: [],
  },
  {
    name: 'default that a function wraps',
    before: ['CREATE FUNCTION stamp() RETURNS text LANGUAGE sql AS $$ SELECT now()::text $$'],
    entities: column({ type: 'text', default: () => 'stamp()' }),
    drift: [],
  },
  {
    name: 'enum with a short enumName in a long table',
    entities: [
      {
        name: 'a_table_with_a_name_of_forty_characters_x',
        columns: {
          id: { type: Number, primary: true },
          a_column_of_thirty_characters: { ...enumOf('x', 'y'), enumName: 'kind' },
        },
      },
    ],
    drift: [],
  },
  {
    name: 'generated column whose row was renamed after a restore',
    entities: generatedColumn,
    after: [
      `UPDATE typeorm_metadata SET "database" = 'another'`,
      'UPDATE typeorm_metadata SET "database" = current_database()',
    ],
    drift: [],
  },
  {
    name: 'generated column in a schema that the entity names',
    entities: generatedColumn.map((entity) => ({ ...entity, schema: 'app' })),
    before: ['CREATE SCHEMA app'],
    drift: [],
  },
  {
    name: 'view made by hand, with its row',
    entities: [...column({ type: Number }), view('SELECT id FROM o')],
    after: [
      'DELETE FROM typeorm_metadata',
      `INSERT INTO typeorm_metadata (type, schema, name, value) VALUES ('VIEW', 'public', 'v', 'SELECT id FROM o')`,
    ],
    drift: [],
  },
  {
    name: 'keys that the entity names',
    entities: withKeys({ key: 'o_owner', index: 'o_a', unique: 'o_a_b', check: 'o_a_positive' }),
    byHand: keysByHand,
    drift: [],
  },
  {
    name: 'table in a schema that the option names',
    entities: column({ type: Number }),
    options: { schema: 'app' },
    before: ['CREATE SCHEMA app', 'CREATE TABLE app.o (id int PRIMARY KEY, v int NOT NULL)'],
    byHand: [],
    drift: [],
  },
];

/** What does not hide them, though it looks so. */
const NO_CURES: readonly DriftCase[] = [
  {
    name: 'default as PostgreSQL shows it',
    entities: column({ type: 'timestamptz', default: () => "(now() + '15 days'::interval)" }),
    drift: ['change column o.v 1'],
  },
  {
    name: 'default gen_random_uuid() with pgcrypto',
    entities: column({ type: 'uuid', default: () => 'gen_random_uuid()' }),
    options: { uuidExtension: 'pgcrypto' },
    drift: ['change column o.v 2'],
  },
];

/** Shapes of which issues say that they are drift, and are not. */
const CLEAN: readonly DriftCase[] = [
  { name: 'enum with a default', entities: column({ ...enumOf('x', 'y'), default: 'x' }), drift: [] },
  {
    name: 'enum with a default in another schema',
    entities: table({ v: { ...enumOf('x', 'y'), default: 'x' } }, { schema: 'app' }),
    before: ['CREATE SCHEMA app'],
    drift: [],
  },
  { name: 'enum array', entities: column({ ...enumOf('x', 'y'), array: true, default: [] }), drift: [] },
  { name: 'numeric enum', entities: column({ ...enumOf(0, 1), default: 1 }), drift: [] },
  { name: 'varchar(20)[]', entities: column({ type: 'varchar', length: 20, array: true }), drift: [] },
  {
    name: 'CURRENT_TIMESTAMP(3)',
    entities: column({ type: 'timestamp', precision: 3, default: () => 'CURRENT_TIMESTAMP(3)' }),
    drift: [],
  },
  { name: 'timestamp with a precision', entities: column({ type: 'timestamp', precision: 0 }), drift: [] },
  { name: 'bigint default -1', entities: column({ type: 'bigint', default: -1 }), drift: [] },
  { name: 'numeric', entities: column({ type: 'numeric', precision: 12, scale: 4 }), drift: [] },
  { name: 'collation', entities: column({ type: 'varchar', collation: 'C' }), drift: [] },
  { name: 'column comment', entities: column({ type: Number, comment: 'a comment' }), drift: [] },
  { name: 'table comment', entities: table({}, { comment: 'a comment' } as never), drift: [] },
  { name: 'generated column', entities: generatedColumn, drift: [] },
  {
    name: 'view of several lines',
    entities: [...column({ type: Number }), view('\n  SELECT id\n  FROM o\n  WHERE v > 0\n')],
    drift: [],
  },
  {
    name: 'materialized view',
    entities: [...column({ type: Number }), view('SELECT id FROM o', { materialized: true } as never)],
    drift: [],
  },
  {
    name: 'partial index',
    entities: table({ v: { type: Number } }, { indices: [{ columns: ['v'], where: 'v > 0' }] }),
    drift: [],
  },
  {
    name: 'partitioned table',
    entities: column({ type: Number }),
    byHand: [
      'CREATE TABLE o (id int CONSTRAINT o_key PRIMARY KEY, v int NOT NULL) PARTITION BY RANGE (id)',
      'CREATE TABLE o_1 PARTITION OF o FOR VALUES FROM (0) TO (100)',
    ],
    drift: [],
  },
  { name: 'keys as TypeORM names them', entities: withKeys(), drift: [] },
  {
    name: 'key and unique named by the server',
    entities: column({ type: Number, unique: true }),
    byHand: ['CREATE TABLE o (id int PRIMARY KEY, v int NOT NULL UNIQUE)'],
    drift: [],
  },
  {
    name: 'exclusion constraint',
    entities: table({ v: { type: 'int4range' } }, { exclusions: [{ expression: 'USING gist (v WITH &&)' }] }),
    drift: [],
  },
  {
    name: 'identity column',
    entities: [
      {
        name: 'o',
        columns: {
          id: { type: Number, primary: true, generated: 'identity', generatedIdentity: 'ALWAYS' } as never,
        },
      },
    ],
    drift: [],
  },
  {
    name: 'many-to-many',
    entities: [
      owner,
      {
        name: 'o',
        columns: { id: { type: Number, primary: true } },
        relations: { owners: { type: 'many-to-many', target: 'owner', joinTable: true } },
      },
    ],
    drift: [],
  },
  {
    name: 'entity with synchronize: false',
    entities: table({ v: { type: Number } }, { synchronize: false }),
    byHand: [],
    drift: [],
  },
  {
    name: 'tables without an entity, a function, an expression index',
    entities: column({ type: 'text' }),
    after: [
      'CREATE TABLE other (id int)',
      'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
      'CREATE INDEX by_expression ON o (lower(v))',
    ],
    drift: [],
  },
];

/** Drift that is real. */
const REAL: readonly DriftCase[] = [
  {
    name: 'an index by hand',
    entities: column({ type: Number }),
    after: ['CREATE INDEX by_hand ON o (v)'],
    drift: ['drop index o.by_hand 1'],
  },
  {
    name: 'a dropped index',
    entities: table({ v: { type: Number } }, { indices: [{ name: 'by_v', columns: ['v'] }] }),
    after: ['DROP INDEX by_v'],
    drift: ['create index o.by_v 1'],
  },
  {
    name: 'columns more, less and changed',
    entities: table({ a: { type: Number }, b: { type: Number }, c: { type: Number } }),
    after: [
      'ALTER TABLE o ADD x int, ADD y int',
      'ALTER TABLE o DROP a',
      'ALTER TABLE o ALTER b DROP NOT NULL',
    ],
    drift: ['drop column o.x 1', 'drop column o.y 1', 'add column o.a 1', 'change column o.b 1'],
  },
  {
    name: 'keys dropped',
    entities: withKeys({ key: 'o_owner', index: 'o_a', unique: 'o_a_b', check: 'o_a_positive' }),
    after: [
      'ALTER TABLE o DROP CONSTRAINT o_owner, DROP CONSTRAINT o_a_b, DROP CONSTRAINT o_a_positive',
      'DROP INDEX o_a',
    ],
    drift: [
      'create index o.o_a 1',
      'create check constraint o.o_a_positive 1',
      'create unique constraint o.o_a_b 1',
      'create foreign key o.o_owner 1',
    ],
  },
  {
    name: 'a table dropped',
    entities: withKeys({ key: 'o_owner' }),
    after: ['DROP TABLE o'],
    drift: ['create table o 2', 'create foreign key o.o_owner 1'],
  },
  {
    name: 'a view changed',
    entities: [...column({ type: Number }), view('SELECT id FROM o')],
    after: [`UPDATE typeorm_metadata SET value = 'SELECT 1' WHERE name = 'v'`],
    drift: ['drop view v 2', 'create view v 2'],
  },
  {
    name: 'a comment changed',
    entities: table({}, { comment: 'a secret' } as never),
    after: [`COMMENT ON TABLE o IS 'another'`],
    drift: ['change table comment o 1'],
    except: { '0.3.12': [] },
  },
];

/** Drift that is not known. */
const UNTOLD: readonly DriftCase[] = [
  {
    name: 'generated column without typeorm_metadata',
    entities: generatedColumn,
    after: ['DROP TABLE typeorm_metadata'],
    drift: 'other',
  },
];

export const POSTGRES_CASES = [...FALSE_POSITIVES, ...CURES, ...NO_CURES, ...CLEAN, ...REAL, ...UNTOLD];
