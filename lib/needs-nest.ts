import { PrometheusMigrationsError } from './prometheus-migrations.errors';

// Loaded first: Node.js's own error would name a file of this package, and no way out.
try {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  require('@nestjs/common');
} catch (error) {
  const [firstLine = ''] = String(error).split('\n', 1);
  if (!firstLine.includes("'@nestjs/common'")) throw error;
  throw new PrometheusMigrationsError(
    "@nestjs/common is not installed. Without Nest, import from 'nestjs-prometheus-migrations/standalone'.",
  );
}
