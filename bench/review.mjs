// Measures a review of a repository with 1,000 migrations, beyond a Node.js process that loads its
// TypeScript.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { migrationName } from './migrations.mjs';
import { median, milliseconds, ratio, table } from './statistics.mjs';

const ROUNDS = 7;
const COUNT = 1000;
const ROOT = join(import.meta.dirname, '..');
const MAIN = join(ROOT, 'dist/lib/cli/main.js');

/** A minimal TypeScript loader, because none is installed here. */
const LOADER = `const ts = require('typescript');
const { readFileSync } = require('node:fs');
require.extensions['.ts'] = (module, file) => {
  const compilerOptions = { module: 'commonjs', target: 'es2022' };
  module._compile(ts.transpileModule(readFileSync(file, 'utf8'), { fileName: file, compilerOptions }).outputText, file);
};`;
const BY_PATH = `import { DataSource } from 'typeorm';
export const dataSource = new DataSource({ type: 'better-sqlite3', database: 'a', migrations: [__dirname + '/migrations/*.ts'] });`;
const LOAD = `require('@swc-node/register');
require('./src/data-source.ts').dataSource.buildMetadatas();`;

const migration = (name) => `import { MigrationInterface, QueryRunner } from 'typeorm';

export class ${name} implements MigrationInterface {
  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(\`CREATE TABLE "${name}" ("id" integer NOT NULL, "name" varchar NOT NULL)\`);
    await queryRunner.query(\`CREATE INDEX "IDX_${name}" ON "${name}" ("name")\`);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(\`DROP TABLE "${name}"\`);
  }
}
`;

export function benchReview() {
  const folder = mkdtempSync(join(tmpdir(), 'review-'));
  const write = (name, text) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  const git = (...args) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: folder });
  const run = (codes, ...args) => {
    const startedAt = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    if (!codes.includes(status)) throw new Error(`${args.join(' ')}: exit code ${status}\n${stderr}`);
    return performance.now() - startedAt;
  };
  try {
    for (const name of ['typeorm', 'typescript', 'better-sqlite3']) {
      mkdirSync(join(folder, 'node_modules'), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name), 'junction');
    }
    write('node_modules/@swc-node/register/index.js', LOADER);
    write('.gitignore', 'node_modules\n');
    write('load.js', LOAD);
    write('src/data-source.ts', BY_PATH);
    for (let index = 1; index <= COUNT; index += 1) {
      write(`src/migrations/${index}.ts`, migration(migrationName(index)));
    }
    git('init', '--quiet', '--initial-branch', 'main');
    git('add', '--all');
    git('commit', '--quiet', '--message', 'base');
    write('src/migrations/0.ts', migration(migrationName(0)));
    const [took, floors] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      floors.push(run([0], 'load.js'));
      took.push(run([1], MAIN, 'review', '-d', 'src/data-source.ts', '-b', 'main'));
    }
    const beyond = median(took) - median(floors);
    const row = [
      `review of ${COUNT} migrations`,
      milliseconds(median(took)),
      'load its TypeScript',
      milliseconds(median(floors)),
      ratio(median(took), median(floors)),
      milliseconds(beyond),
      '2000 ms',
    ];
    console.log(table(['command', 'median', 'beside it', 'median', 'ratio', 'beyond it', 'bound'], [row]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
