import { PrometheusMigrationsError } from './prometheus-migrations.errors';

// Loaded first, because Node.js's own error would name an internal file and no fix.
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
