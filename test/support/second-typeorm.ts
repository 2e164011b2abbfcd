import { createRequire } from 'node:module';
import { sep } from 'node:path';
import type * as typeorm from 'typeorm';

const require = createRequire(__filename);

/** A second copy of typeorm, with classes of its own, as two versions in node_modules give it. */
export function loadSecondTypeorm(): typeof typeorm {
  const loaded = Object.keys(require.cache).filter((file) => file.includes(`${sep}typeorm${sep}`));
  const saved = loaded.map((file) => [file, require.cache[file]] as const);
  for (const file of loaded) delete require.cache[file];
  try {
    return require('typeorm') as typeof typeorm;
  } finally {
    for (const [file, module] of saved) require.cache[file] = module;
  }
}
