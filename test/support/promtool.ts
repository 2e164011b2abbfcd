import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { rulesNamedIn } from './rules';

const run = promisify(execFile);

/** Whether Prometheus and its promtool are installed. With `CI=true` they must be. */
export const hasPrometheus = ['prometheus', 'promtool'].every((program) => versionOf(program) !== undefined);
if (!hasPrometheus && process.env['CI'] === 'true') {
  throw new Error(
    'No prometheus and promtool on the PATH: in CI that is a failure. Debian has both in its package prometheus.',
  );
}

export interface Promtool {
  readonly program: string;
  readonly version: string;
}

const prometheus3 = process.env['TEST_PROMETHEUS_3'];

/** The promtool on the PATH, and that of the folder `TEST_PROMETHEUS_3` if it is another version. */
export const PROMTOOLS: readonly Promtool[] = [
  'promtool',
  ...(prometheus3 ? [join(prometheus3, 'promtool')] : []),
]
  .flatMap((program) => {
    const version = versionOf(program);
    return version === undefined ? [] : [{ program, version }];
  })
  .filter(({ version }, index, all) => all.findIndex((other) => other.version === version) === index);

/** `undefined` if there is no such program. */
function versionOf(program: string): string | undefined {
  const { stdout, stderr, status } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return status === 0 ? /version (\S+)/.exec(stdout + stderr)?.[1] : undefined;
}

/** What a promtool test file has, as far as it is looked at here. */
export interface RuleTests {
  rule_files: string[];
  tests: { name: string; input_series: { series: string; values: string }[] }[];
}

export function parseRuleTests(text: string): RuleTests {
  return parse(text) as RuleTests;
}

/**
 * The names of the cases that fail with these rules. Rules that no case depends on are checked, but not evaluated.
 * What promtool prints differs between its versions, so only its exit codes are read: of all cases together,
 * and if they fail, of each one.
 *
 * @throws where the rules themselves are no rules
 */
export async function failingCases(
  rules: string,
  { tests, ...rest }: RuleTests,
  promtool = 'promtool',
): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'rules-'));
  try {
    const rulesFile = join(folder, 'rules.yml');
    await writeFile(rulesFile, rules);
    await run(promtool, ['check', 'rules', rulesFile]);
    await writeFile(rulesFile, rulesNamedIn(tests, rules));
    const cases = await Promise.all(
      tests.map(async (test, index) => {
        const file = join(folder, `${index}.test.yml`);
        await writeFile(file, stringify({ ...rest, rule_files: ['rules.yml'], tests: [test] }));
        return { name: test.name, file };
      }),
    );
    const pass = (...files: string[]) => succeeds(promtool, ['test', 'rules', ...files]);
    if (await pass(...cases.map(({ file }) => file))) return [];
    const failing: string[] = [];
    for (const { name, file } of cases) if (cases.length === 1 || !(await pass(file))) failing.push(name);
    return failing;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function succeeds(program: string, args: string[]): Promise<boolean> {
  try {
    await run(program, args);
    return true;
  } catch (error) {
    // An exit code. If there is none, the program did not run.
    if (typeof (error as { code?: unknown }).code === 'number') return false;
    throw error;
  }
}

/** What promtool has to say about an exposition, line by line, sorted. */
export function metricFindings(exposition: string): string[] {
  const { stderr } = spawnSync('promtool', ['check', 'metrics'], { input: exposition, encoding: 'utf8' });
  return stderr.trim().split('\n').sort();
}
