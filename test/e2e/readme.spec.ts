import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocksIn, page } from '../support/documents';
import { installPackage, manifest, PACKAGE as NAME } from '../support/installed-package';
import { hasPrometheus } from '../support/promtool';
import { buildSample, type RunningSample, type Sample, SAMPLE_BUILD_MS } from '../support/sample-app';

const PORT = /localhost:3000/g;

const blocks = blocksIn(page('README.md'))
  .filter(({ language }) => language === 'sh')
  .map(({ code }) => code.trim());

/** The application of somebody who has installed the package. */
let sample: Sample;
let running: RunningSample;

beforeAll(async () => {
  sample = await buildSample();
  installPackage(sample);
  writeFileSync(
    join(sample.folder, 'app/dist/data-source.js'),
    "const { DataSource } = require('typeorm');\n" +
      "exports.dataSource = new DataSource({ type: 'better-sqlite3', database: ':memory:' });\n",
  );
  running = await sample.start({ SAMPLE_DATA_DIR: join(sample.folder, 'data') });
}, SAMPLE_BUILD_MS);

afterAll(async () => {
  running.process.kill();
  await running.exit;
  await sample.remove();
});

/** What each block must come to; one that nothing here stands for fails. */
const CHECKS: readonly (readonly [start: string, check: (block: string) => Promise<void> | void])[] = [
  [
    'npm install',
    (block) => {
      // Installed from the tarball by `npm run test:package`.
      const [, , own, client] = block.split(' ');
      expect([own, Object.keys(manifest.peerDependencies).includes(client ?? '')]).toEqual([NAME, true]);
    },
  ],
  [
    'curl',
    async (block) => {
      expect(await shell(block)).toMatch(/^typeorm_migrations_unapplied_total\{connection="default"\} \d+$/m);
    },
  ],
  [
    `node node_modules/${NAME}/monitoring/generate.mjs`,
    async (block) => {
      await shell(block);
      const rules = join(sample.folder, 'app/migrations.rules.yml');
      expect(readFileSync(rules, 'utf8')).toContain('https://wiki.example.com/migrations');
      if (hasPrometheus) await promisify(execFile)('promtool', ['check', 'rules', rules]);
    },
  ],
  [
    `npx ${NAME} check`,
    async (block) => {
      expect(await shell(block)).toContain('default defines no migrations');
    },
  ],
  ['npm ci && npm start', () => expect(manifest.scripts).toHaveProperty('start')],
  ['npm ci && npm test', () => expect(manifest.scripts).toHaveProperty('test')],
];

/** Runs a block where somebody who has installed the package would. */
async function shell(block: string): Promise<string> {
  const { host } = new URL(running.url);
  const command = block.replaceAll(PORT, host);
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', command], {
    cwd: join(sample.folder, 'app'),
  });
  return stdout;
}

describe("README's shell blocks", () => {
  it.each(blocks)('%s', async (block) => {
    const check = CHECKS.find(([start]) => block.startsWith(start))?.[1];
    expect(check, `a check of ${block}`).toBeDefined();
    await check?.(block);
  });

  it('are all that are checked', () => {
    const unused = CHECKS.filter(([start]) => !blocks.some((block) => block.startsWith(start)));
    expect(unused.map(([start]) => start)).toEqual([]);
  });
});
