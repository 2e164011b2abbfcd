import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PROJECT = join(__dirname, '../..');
const PARTS = ['lib', 'test/support', 'package.json', 'tsconfig.json'];

export const COMPILE_MS = 120_000;

/** A program of the tests that Node.js can run. */
export interface CompiledFixture {
  readonly directory: string;
  readonly file: string;
  remove(): Promise<void>;
}

/**
 * Compiles a copy of the library and a fixture: Node.js runs neither as it is.
 *
 * @param fixture - as `test/e2e/cluster.fixture`
 * @param others - files that it imports, besides the library and test/support
 */
export async function compileFixture(fixture: string, ...others: string[]): Promise<CompiledFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'fixture-'));
  for (const part of [...PARTS, ...others, `${fixture}.ts`])
    await cp(join(PROJECT, part), join(folder, part), { recursive: true });
  await symlink(join(PROJECT, 'node_modules'), join(folder, 'node_modules'), 'junction');
  // Types are checked where the whole project is.
  const compilerOptions = { noEmit: false, noCheck: true };
  const config = { extends: './tsconfig.json', compilerOptions, files: [`${fixture}.ts`], include: [] };
  await writeFile(join(folder, 'tsconfig.fixture.json'), JSON.stringify(config));
  const tsc = join(PROJECT, 'node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [tsc, '-p', 'tsconfig.fixture.json'], { cwd: folder });
  return {
    directory: folder,
    file: join(folder, `dist/${fixture}.js`),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
