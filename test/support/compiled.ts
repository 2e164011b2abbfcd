import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inject, vi } from 'vitest';

const PROJECT = join(__dirname, '../..');
const PROGRAMS = [
  'lib/**/*.ts',
  'test/e2e/*.fixture.ts',
  'test/faults/*.fixture.ts',
  'docs/examples/*.ts',
  'sample-app/*.ts',
];

export const COMPILE_MS = 120_000;

/** A program of the tests that Node.js can run. */
export interface CompiledFixture {
  readonly directory: string;
  readonly file: string;
  remove(): Promise<void>;
}

/**
 * A compiled copy of the library and a fixture: Node.js runs neither as it is.
 *
 * @param fixture - as `test/e2e/cluster.fixture`
 */
export async function compileFixture(fixture: string): Promise<CompiledFixture> {
  const directory = await compiledProject();
  return {
    directory,
    file: join(directory, `dist/${fixture}.js`),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** A folder with package.json, node_modules and what is compiled in dist, for the caller to change and remove. */
export async function compiledProject(): Promise<string> {
  const compiled = await compileOnce(inject('compiledFolder'));
  const folder = await mkdtemp(join(tmpdir(), 'compiled-'));
  await cp(compiled, folder, { recursive: true, verbatimSymlinks: true });
  return folder;
}

/** Compiles all programs, once in a test run: the worker that comes first does it, and the others wait. */
async function compileOnce(folder: string): Promise<string> {
  const compiled = join(folder, 'compiled');
  const isFirst = await mkdir(join(folder, 'begun')).then(
    () => true,
    () => false,
  );
  if (isFirst) {
    const unfinished = join(folder, 'unfinished');
    await compile(unfinished);
    await rename(unfinished, compiled);
  }
  await vi.waitUntil(() => existsSync(compiled), { timeout: COMPILE_MS, interval: 50 });
  return compiled;
}

async function compile(folder: string): Promise<void> {
  // Types are checked where the whole project is.
  const compilerOptions = {
    noEmit: false,
    noCheck: true,
    types: [],
    rootDir: PROJECT,
    outDir: join(folder, 'dist'),
  };
  const include = PROGRAMS.map((files) => join(PROJECT, files));
  const config = join(folder, 'tsconfig.json');
  await mkdir(folder);
  await writeFile(
    config,
    JSON.stringify({ extends: join(PROJECT, 'tsconfig.json'), compilerOptions, include }),
  );
  const tsc = join(PROJECT, 'node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [tsc, '-p', config]);
  await cp(join(PROJECT, 'package.json'), join(folder, 'package.json'));
  await symlink(join(PROJECT, 'node_modules'), join(folder, 'node_modules'), 'junction');
}
