import { defineConfig } from 'vitest/config';

export default defineConfig({
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: {
    alias: { 'nestjs-prometheus-migrations': new URL('./lib/index.ts', import.meta.url).pathname },
  },
  test: {
    include: ['test/{unit,integration,e2e,faults}/**/*.spec.ts'],
    globalSetup: 'test/support/databases.setup.ts',
    setupFiles: 'test/support/reflect.setup.ts',
    testTimeout: 20_000,
    hookTimeout: 60_000,
    coverage: {
      provider: 'v8',
      include: ['lib/**/*.ts'],
      reporter: ['text'],
      thresholds: { statements: 95, branches: 90, functions: 95, lines: 95 },
    },
  },
});
