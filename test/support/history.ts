import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inject } from 'vitest';

const PACKAGES = join(__dirname, '../../node_modules');
/** What a project with TypeORM has installed. */
const INSTALLED = [
  'typeorm',
  'typescript',
  'better-sqlite3',
  'pg',
  'reflect-metadata',
  '@nestjs',
  'rxjs',
  '@types',
];

/** Stands for any loader of TypeScript. What one process has compiled, the others of a test run read. */
const LOADER = `const { createHash } = require('node:crypto');
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const folder = ${JSON.stringify(join(inject('compiledFolder'), 'transpiled'))};
const compilerOptions = { module: 'commonjs', target: 'es2022', esModuleInterop: true, experimentalDecorators: true, emitDecoratorMetadata: true };
function compile(text) {
  const compiled = join(folder, createHash('sha1').update(text).digest('hex'));
  try {
    return readFileSync(compiled, 'utf8');
  } catch {
    const { outputText } = require('typescript').transpileModule(text, { compilerOptions });
    const own = compiled + '.' + process.pid;
    mkdirSync(folder, { recursive: true });
    writeFileSync(own, outputText);
    renameSync(own, compiled);
    return outputText;
  }
}
require.extensions['.ts'] = (module, file) => module._compile(compile(readFileSync(file, 'utf8')), file);`;

/** Runs the migrations of a DataSource, and prints the names in the order in which they are recorded. */
const RUN = `require('@swc-node/register');
const { dataSource } = require('./src/data-source.ts');
dataSource.initialize()
  .then(() => dataSource.runMigrations())
  .then(() => dataSource.query('SELECT name FROM migrations ORDER BY id'))
  .then((rows) => { console.log(JSON.stringify(rows.map(({ name }) => name))); return dataSource.destroy(); });`;

const ENVIRONMENT = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.org',
};

/** A git repository with a TypeScript project, which has a branch `main`. */
export class History {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = realpathSync(folder);
  }

  static empty(): History {
    const history = new History(mkdtempSync(join(tmpdir(), 'history-')));
    history.install();
    history.git('init', '--quiet', '--initial-branch', 'main');
    history.write('.gitignore', 'node_modules', 'dist', '*.sqlite');
    return history;
  }

  /** One whose DataSource finds all of src/migrations, with a migration that is committed. */
  static start(): History {
    const history = History.empty();
    history.write('src/data-source.ts', ...dataSourceOf(GLOB));
    history.migration('First', 1);
    history.commit();
    return history;
  }

  /** Another folder, as of a clone or a worktree, with the same packages. */
  static in(folder: string): History {
    const history = new History(folder);
    history.install();
    return history;
  }

  private install(): void {
    for (const name of INSTALLED) {
      mkdirSync(this.path('node_modules'), { recursive: true });
      symlinkSync(join(PACKAGES, name), this.path(`node_modules/${name}`), 'junction');
    }
    this.write('node_modules/@swc-node/register/index.js', LOADER);
  }

  /** Installs a package of the workspace. */
  linkPackage(name: string, folder: string): void {
    const link = this.path(`node_modules/${name}`);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(this.path(folder), link, 'junction');
  }

  /** Installs another package in the place of one. */
  replacePackage(name: string, code: string): void {
    rmSync(this.path(`node_modules/${name}`));
    this.write(`node_modules/${name}/index.js`, code);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, ...lines: readonly string[]): void {
    const file = this.path(name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${lines.join('\n')}\n`);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  change(name: string, change: (text: string) => string): void {
    writeFileSync(this.path(name), change(this.read(name)));
  }

  move(from: string, to: string): void {
    mkdirSync(dirname(this.path(to)), { recursive: true });
    renameSync(this.path(from), this.path(to));
  }

  delete(name: string): void {
    rmSync(this.path(name), { recursive: true });
  }

  /** Writes a migration, and returns its path. */
  migration(word: string, day: number, folder = 'src/migrations'): string {
    const file = fileOf(word, day, folder);
    this.write(file, ...classOf(word, day));
    return file;
  }

  git(...args: readonly string[]): string {
    const options = { cwd: this.folder, env: { ...process.env, ...ENVIRONMENT }, encoding: 'utf8' } as const;
    return execFileSync('git', args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  }

  commit(message = 'change'): void {
    this.git('add', '--all');
    this.git('commit', '--quiet', '--message', message);
  }

  /** Goes to a new branch. */
  branch(name: string, from = 'HEAD'): void {
    this.git('switch', '--quiet', '--create', name, from);
  }

  switch(name: string): void {
    this.git('switch', '--quiet', name);
  }

  merge(name: string, ...args: readonly string[]): void {
    this.git('merge', '--quiet', '--no-edit', ...args, name);
  }

  /** Another folder with a copy of the repository, at a commit. */
  clone(commit: string): History {
    const folder = mkdtempSync(join(tmpdir(), 'clone-'));
    this.git('clone', '--quiet', '--no-checkout', this.folder, folder);
    const clone = History.in(folder);
    clone.git('checkout', '--quiet', '--detach', commit);
    return clone;
  }

  /** Runs the migrations of the working tree, and returns the names of all in the order in which they are recorded. */
  runMigrations(environment: NodeJS.ProcessEnv): string[] {
    this.write('run.js', RUN);
    const env = { ...process.env, ...environment };
    const output = execFileSync(process.execPath, ['run.js'], { cwd: this.folder, env, encoding: 'utf8' });
    return JSON.parse(output.trim().split('\n').at(-1) ?? '') as string[];
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const GLOB = "[join(__dirname, 'migrations', '*.ts')]";

/** A file with a DataSource of SQLite, or of PostgreSQL if the environment has a URL. */
export function dataSourceOf(migrations: string, ...before: readonly string[]): string[] {
  return [
    "import { join } from 'node:path';",
    "import { DataSource, type DataSourceOptions } from 'typeorm';",
    ...before,
    'const { POSTGRES_URL: url, SQLITE: database = "app.sqlite" } = process.env;',
    "const server = url === undefined ? { type: 'better-sqlite3', database } : { type: 'postgres', url };",
    `export const dataSource = new DataSource({ ...server, migrations: ${migrations} } as DataSourceOptions);`,
    'void join;',
  ];
}

/** The timestamp of a day in January 2026. */
export function timestampOf(day: number): number {
  return Date.UTC(2026, 0, day);
}

export function nameOf(word: string, day: number): string {
  return `${word}${timestampOf(day)}`;
}

export function fileOf(word: string, day: number, folder = 'src/migrations'): string {
  return `${folder}/${timestampOf(day)}-${word}.ts`;
}

/** A file as TypeORM's command line writes it. */
export function classOf(word: string, day: number): string[] {
  return [
    'import { MigrationInterface, QueryRunner } from "typeorm";',
    '',
    `export class ${nameOf(word, day)} implements MigrationInterface {`,
    `    name = '${nameOf(word, day)}'`,
    '',
    '    public async up(queryRunner: QueryRunner): Promise<void> {',
    `        await queryRunner.query(\`CREATE TABLE "${word}" ("id" integer NOT NULL)\`);`,
    '    }',
    '',
    '    public async down(queryRunner: QueryRunner): Promise<void> {',
    `        await queryRunner.query(\`DROP TABLE "${word}"\`);`,
    '    }',
    '',
    '}',
  ];
}
