import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as typescript from 'typescript';
import { ReviewError } from './review-error';

export type Ts = typeof typescript;

/**
 * Loads the compiler of a project.
 *
 * @throws {@link ReviewError} if the project has none, or one without the API, such as TypeScript 7
 */
export function compilerOf(folder: string): Ts {
  try {
    const ts = createRequire(join(folder, 'data-source.js'))('typescript') as Partial<Ts>;
    if (typeof ts.createSourceFile === 'function') return ts as Ts;
  } catch {
    // Reported below like a missing compiler.
  }
  throw new ReviewError(
    'A review needs the package typescript: it parses the code, also JavaScript. ' +
      'Install it (npm install --save-dev typescript@6).',
  );
}
