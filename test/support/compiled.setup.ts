import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where this run compiles programs, once for all projects. */
    compiledFolder: string;
  }
}

export default function setup(project: TestProject): () => void {
  const folder = join(tmpdir(), `compiled-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  project.provide('compiledFolder', folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
