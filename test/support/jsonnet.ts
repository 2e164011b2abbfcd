import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT } from './documents';

const run = (program: string, args: readonly string[]) => spawnSync(program, args, { encoding: 'utf8' });

/** Whether jsonnet is installed. With `CI=true` it must be. */
export const hasJsonnet = ['jsonnet', 'jsonnetfmt'].every(
  (program) => run(program, ['--version']).status === 0,
);
if (!hasJsonnet && process.env['CI'] === 'true') {
  throw new Error('No jsonnet on the PATH: in CI that is a failure. Debian has it in its package jsonnet.');
}
if (!hasJsonnet) console.log('jsonnet is not installed: the tests of the monitoring mixin are skipped.');

/**
 * The value of a Jsonnet expression, in which `mixin` is the monitoring mixin.
 *
 * @throws what jsonnet says
 */
export function evaluate(expression: string): unknown {
  const code = `local mixin = import 'mixin/mixin.libsonnet'; ${expression}`;
  const { status, stdout, stderr } = run('jsonnet', ['-J', join(PROJECT, 'monitoring'), '--exec', code]);
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** What jsonnetfmt would write differently, by its exit code. */
export function isFormatted(file: string): boolean {
  return run('jsonnetfmt', ['--test', join(PROJECT, file)]).status === 0;
}
