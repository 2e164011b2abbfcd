import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';

const PACKAGES = join(__dirname, '../../node_modules');

/** A folder with files of an application, which finds this project's packages. */
export class Project {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'project-')));

  constructor() {
    symlinkSync(PACKAGES, this.path('node_modules'), 'junction');
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Writes a file, and returns its path. */
  write(name: string, ...lines: readonly string[]): string {
    const file = this.path(name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${lines.join('\n')}\n`);
    return file;
  }

  /** A SQLite database in which those migrations are recorded, and nothing else is. */
  database(name: string, applied: readonly string[] = []): string {
    const file = this.path(name);
    mkdirSync(dirname(file), { recursive: true });
    const database = new Database(file);
    database.exec(RECORDED_TABLE);
    const insert = database.prepare('INSERT INTO migrations (timestamp, name) VALUES (?, ?)');
    for (const migration of applied) insert.run(Number(/\d{13}$/.exec(migration)?.[0]), migration);
    database.close();
    return file;
  }

  /** A file that exports a DataSource with migrations; of a SQLite database, unless something else is said. */
  dataSource(
    name: string,
    {
      applied = [],
      defined = MIGRATIONS,
      connection,
      options = '',
      exported = EXPORTED,
      before = '',
    }: DataSourceFile = {},
  ): string {
    const sqlite = () => `type: 'better-sqlite3', database: '${this.database(`${name}.sqlite`, applied)}'`;
    return this.write(
      name,
      "const { DataSource, EntitySchema } = require('typeorm');",
      classesOf(defined),
      before,
      'const dataSource = new DataSource({',
      `  ${connection ?? sqlite()},`,
      `  migrations: [${defined.join(', ')}],`,
      `  ${options}`,
      '});',
      exported,
    );
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface DataSourceFile {
  /** Migrations that its SQLite database has. */
  readonly applied?: readonly string[];
  /** Migrations that it defines. */
  readonly defined?: readonly string[];
  /** Options of another database, as JavaScript. */
  readonly connection?: string;
  /** More options, as JavaScript. */
  readonly options?: string;
  /** What comes before the DataSource, as JavaScript. */
  readonly before?: string;
  /** How `dataSource` is exported, as JavaScript. */
  readonly exported?: string;
}

const EXPORTED = 'exports.AppDataSource = dataSource;';

/** Names of migrations of an application. */
export const MIGRATIONS: readonly string[] = ['First1700000000000', 'Second1700000000001'];

/** Migration classes that do nothing, as JavaScript. */
export function classesOf(names: readonly string[]): string {
  return names.map((name) => `class ${name} { async up() {} async down() {} }`).join('\n');
}

const RECORDED_TABLE =
  'CREATE TABLE migrations (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, timestamp bigint NOT NULL, name varchar NOT NULL)';
