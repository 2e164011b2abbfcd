import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';

const run = promisify(execFile);

/** Whether Prometheus and its promtool are installed. With `CI=true` they must be. */
export const hasPrometheus = ['prometheus', 'promtool'].every(
  (program) => spawnSync(program, ['--version']).status === 0,
);
if (!hasPrometheus && process.env['CI'] === 'true') {
  throw new Error(
    'No prometheus and promtool on the PATH: in CI that is a failure. Debian has both in its package prometheus.',
  );
}

/** What a promtool test file has, as far as it is looked at here. */
export interface RuleTests {
  rule_files: string[];
  tests: { name: string }[];
}

export function parseRuleTests(text: string): RuleTests {
  return parse(text) as RuleTests;
}

/**
 * The names of the cases that fail with these rules. promtool does not tell them apart: each is a file here.
 *
 * @throws where the rules themselves are no rules
 */
export async function failingCases(rules: string, { tests, ...rest }: RuleTests): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'rules-'));
  try {
    const rulesFile = join(folder, 'rules.yml');
    await writeFile(rulesFile, rules);
    await run('promtool', ['check', 'rules', rulesFile]);
    const files = await Promise.all(
      tests.map(async (test, index) => {
        const file = join(folder, `${index}.test.yml`);
        await writeFile(file, stringify({ ...rest, rule_files: ['rules.yml'], tests: [test] }));
        return file;
      }),
    );
    const stdout = await outputOf(['test', 'rules', ...files]);
    return tests.filter((_, index) => !stdout.includes(`${files[index]}\n  SUCCESS`)).map(({ name }) => name);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What promtool has to say about an exposition, line by line, sorted. */
export function metricFindings(exposition: string): string[] {
  const { stderr } = spawnSync('promtool', ['check', 'metrics'], { input: exposition, encoding: 'utf8' });
  return stderr.trim().split('\n').sort();
}

/** promtool fails where a test does, and says which on its output all the same. */
async function outputOf(args: string[]): Promise<string> {
  try {
    return (await run('promtool', args)).stdout;
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}
