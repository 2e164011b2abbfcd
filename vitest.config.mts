import { defineConfig } from 'vitest/config';

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

export default defineConfig({
  test: {
    // Once for both projects.
    globalSetup: 'test/support/databases.setup.ts',
    projects: [
      {
        ...vite,
        test: { ...test, name: 'tests', include: ['test/{unit,integration,e2e,monitoring}/**/*.spec.ts'] },
      },
      {
        ...vite,
        test: {
          ...test,
          name: 'faults',
          include: ['test/faults/**/*.spec.ts'],
          // By themselves, and one file after the other: these measure how long a scrape takes.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['lib/**/*.ts'],
      reporter: ['text'],
      thresholds: { statements: 95, branches: 90, functions: 95, lines: 95 },
    },
  },
});
