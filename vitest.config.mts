import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const vite = {
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: {
    alias: { 'nestjs-prometheus-migrations': new URL('./lib/index.ts', import.meta.url).pathname },
  },
};
const test = {
  setupFiles: 'test/support/reflect.setup.ts',
  testTimeout: 20_000,
  hookTimeout: 60_000,
};

/** For those that need servers and programs. */
const globalSetup = ['test/support/databases.setup.ts', 'test/support/compiled.setup.ts'];

/** Test files that take 15 seconds or more, most of them because they wait. */
const LONGEST: readonly string[] = [
  'monitoring/end-to-end',
  'faults/shutdown',
  'faults/faults.postgres',
  'faults/faults.mariadb',
  'monitoring/runs.end-to-end',
  'integration/command-line.waiting',
  'faults/startup-gate',
  'monitoring/rules',
  'integration/review',
  'integration/drift-cases',
  'integration/review.loading',
  'e2e/pages',
  'integration/review.order',
  'integration/review.git',
  'e2e/command-line',
  'faults/pools',
  'faults/bounds',
  'faults/drivers',
];

/** Starts the longest files first, so that none of them is left over when all others have ended. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rankOf = ({ moduleId }: TestSpecification) => {
      const rank = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.spec.ts`));
      return rank < 0 ? LONGEST.length : rank;
    };
    return (await super.sort(files)).sort((one, other) => rankOf(one) - rankOf(other));
  }
}

export default defineConfig({
  test: {
    projects: [
      { ...vite, test: { ...test, name: 'unit', include: ['test/unit/**/*.spec.ts'] } },
      {
        ...vite,
        test: {
          ...test,
          name: 'tests',
          include: ['test/{integration,e2e,monitoring}/**/*.spec.ts'],
          globalSetup,
        },
      },
      {
        ...vite,
        test: {
          ...test,
          name: 'faults',
          include: ['test/faults/**/*.spec.ts'],
          globalSetup,
          // After all others, because these measure how long a scrape takes. They wait most of the time.
          maxWorkers: 5,
          sequence: { groupOrder: 1 },
        },
      },
    ],
    // Many files wait for processes and servers: two for each core keep it busy.
    maxWorkers: 2 * availableParallelism(),
    sequence: { sequencer: LongestFirst },
    coverage: {
      provider: 'v8',
      include: ['lib/**/*.ts'],
      reporter: ['text'],
      reportOnFailure: true,
      thresholds: { statements: 94, branches: 90, functions: 95, lines: 95 },
    },
  },
});
