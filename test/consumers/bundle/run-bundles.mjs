// Runs the bundles in a directory where TypeORM alone is installed.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const cwd = mkdtempSync(join(tmpdir(), 'bundles-'));
try {
  cpSync('dist', cwd, { recursive: true });
  mkdirSync(join(cwd, 'node_modules'));
  symlinkSync(resolve('node_modules/typeorm'), join(cwd, 'node_modules/typeorm'));
  for (const bundle of ['main.js', 'esbuild.mjs']) {
    const output = execFileSync(process.execPath, [bundle], { cwd, encoding: 'utf8' });
    assert.match(output, /served the figures/, bundle);
  }
} finally {
  rmSync(cwd, { recursive: true });
}
