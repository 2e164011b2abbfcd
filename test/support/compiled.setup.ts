import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where this run compiles programs, once for all projects. */
    compiledFolder: string;
  }
}

/** Vitest loads this file once for each project: they share the folder by way of the process. */
const shared = globalThis as { compiledFolder?: string };

export default function setup(project: TestProject): () => void {
  const folder = (shared.compiledFolder ??= mkdtempSync(join(tmpdir(), 'compiled-')));
  project.provide('compiledFolder', folder);
  // In watch mode, the sources have changed.
  project.onTestsRerun(() => {
    rmSync(folder, { recursive: true });
    mkdirSync(folder);
  });
  return () => rmSync(folder, { recursive: true, force: true });
}
