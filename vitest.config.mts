import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.js';

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
          // After all others: these measure how long a scrape takes. They mostly wait, so three fit on two cores.
          maxWorkers: 5,
          sequence: { groupOrder: 1 },
        },
      },
    ],
    // Many files wait for processes and servers most of the time.
    maxWorkers: 2 * availableParallelism(),
    sequence: { sequencer: LongestFirst },
    coverage: {
      provider: 'v8',
      include: ['lib/**/*.ts'],
      reporter: ['text'],
      thresholds: { statements: 92, branches: 87, functions: 92, lines: 92 },
    },
  },
});
