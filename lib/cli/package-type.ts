import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';

/** Finds a file by name in the folder, or else in the nearest parent folder. */
export function nearest(folder: string, name: string): string | undefined {
  for (let current = folder; ; current = dirname(current)) {
    const file = join(current, name);
    if (existsSync(file)) return file;
    if (current === dirname(current)) return undefined;
  }
}

/**
 * Whether Node.js loads a file as an ES module.
 *
 * Source: TypeORM's `importOrRequireFile()`, which decides by extension and nearest `package.json`.
 */
export function isEsModule(file: string): boolean {
  const extension = extname(file);
  if (extension === '.mjs' || extension === '.mts') return true;
  if (extension !== '.js' && extension !== '.ts') return false;
  const manifest = nearest(dirname(file), 'package.json');
  if (manifest === undefined) return false;
  try {
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { type?: unknown }).type === 'module';
  } catch {
    return false;
  }
}
