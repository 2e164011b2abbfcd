import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PROJECT = join(__dirname, '../..');
const PARTS = ['lib', 'test/support/logs.ts', 'test/support/migrations.ts', 'package.json', 'tsconfig.json'];

export const COMPILE_MS = 120_000;

/** A program for child processes. */
export interface CompiledFixture {
  readonly directory: string;
  readonly file: string;
  remove(): Promise<void>;
}

/**
 * Compiles a copy of the library and a fixture: Node.js runs neither as it is.
 *
 * @param fixture - path in the project, without its ending
 */
export async function compileFixture(fixture: string): Promise<CompiledFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'fixture-'));
  for (const part of [...PARTS, `${fixture}.ts`]) {
    await cp(join(PROJECT, part), join(directory, part), { recursive: true });
  }
  await symlink(join(PROJECT, 'node_modules'), join(directory, 'node_modules'), 'junction');
  const config = {
    extends: './tsconfig.json',
    compilerOptions: { noEmit: false },
    files: [`${fixture}.ts`],
    include: [],
  };
  await writeFile(join(directory, 'tsconfig.fixture.json'), JSON.stringify(config));
  const tsc = join(PROJECT, 'node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [tsc, '-p', 'tsconfig.fixture.json'], { cwd: directory });
  return {
    directory,
    file: join(directory, `dist/${fixture}.js`),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
