import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { codeBlocks, page } from '../support/documents';
import { hasPrometheus } from '../support/promtool';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recipes-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.skipIf(!hasPrometheus)('docs/recipes.md', () => {
  it('compares environments of one application, whatever is missing in one of them', async () => {
    const [expr] = codeBlocks(page('docs/recipes.md'), 'promql');
    writeFileSync(
      join(folder, 'compare.rules.yml'),
      stringify({ groups: [{ name: 'recipes', rules: [{ record: 'differs', expr }] }] }),
    );
    cpSync(join(__dirname, 'recipes/compare.test.yml'), join(folder, 'compare.test.yml'));
    const { stdout } = await promisify(execFile)('promtool', ['test', 'rules', 'compare.test.yml'], {
      cwd: folder,
    });
    expect(stdout).toContain('SUCCESS');
  });
});
