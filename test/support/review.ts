import { afterAll, beforeAll } from 'vitest';
import { loadApart } from '../../lib/cli/apart';
import { parseInvocation } from '../../lib/cli/flags';
import { Output } from '../../lib/cli/output';
import { review } from '../../lib/cli/review';
import { PrometheusMigrationsError } from '../../lib/prometheus-migrations.errors';
import type { ReviewReport } from '../../lib/review/report';
import { RecordingStream, type Result } from './command';
import { COMPILE_MS, type CompiledFixture, compileFixture } from './compiled';
import type { History } from './history';
import { parseReview } from './report-schema';

/** The command `review` in this process; what it loads, it loads in another one. */
export class ReviewCommand {
  private fixture!: CompiledFixture;

  /** Compiles what it starts before the tests of a file, and removes that after them. */
  constructor() {
    beforeAll(async () => {
      this.fixture = await compileFixture('lib/cli/apart.process');
    }, COMPILE_MS);
    afterAll(() => this.fixture.remove());
  }

  /** Runs it in a folder. */
  async run(folder: string, ...args: readonly string[]): Promise<Result> {
    const before = process.cwd();
    const { execArgv, env } = process;
    process.chdir(folder);
    // Vitest's own: a preload may be a loader of TypeScript.
    const { NODE_OPTIONS: _options, ...inherited } = env;
    Object.assign(process, { execArgv: [], env: inherited });
    const [stdout, stderr] = [new RecordingStream(), new RecordingStream()];
    const invocation = parseInvocation(['review', ...args]);
    try {
      const output = new Output(stdout.asStream, stderr.asStream);
      const { file } = this.fixture;
      const code = await review(invocation, output, undefined, (request, cwd) =>
        loadApart(request, cwd, true, file),
      );
      return { code, stdout: stdout.text, stderr: stderr.text };
    } finally {
      Object.assign(process, { execArgv, env });
      process.chdir(before);
    }
  }

  /** The report on a history's working tree. */
  async report({ folder }: History, ...args: readonly string[]): Promise<ReviewReport> {
    const { stdout } = await this.run(folder, ...DEFAULT, '--json', ...args);
    return parseReview(stdout);
  }

  /** What is found, each as `late First1767225600000`. */
  async findings(history: History, ...args: readonly string[]): Promise<string[]> {
    return told(await this.report(history, ...args));
  }

  /** What it says if it cannot tell. */
  async fault(folder: string, ...args: readonly string[]): Promise<string> {
    try {
      const { stdout } = await this.run(folder, ...(args.length === 0 ? DEFAULT : args));
      throw new Error(`It could tell:\n${stdout}`);
    } catch (error) {
      if (error instanceof PrometheusMigrationsError) return error.message;
      throw error;
    }
  }
}

export const DEFAULT = ['--data-source', 'src/data-source.ts', '--base', 'main'];

export function told({ connections }: ReviewReport): string[] {
  return connections.flatMap(({ findings }) => findings.map(({ kind, migration }) => `${kind} ${migration}`));
}
