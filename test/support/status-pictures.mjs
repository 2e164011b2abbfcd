// Takes the README's pictures of the status page, docs/status-light.png and docs/status-dark.png, from the
// sample application at its first start. Again: `npm run pictures`. Needs Debian's chromium.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'status-pictures-'));
const sample = spawn(process.execPath, ['dist/sample-app/main.js'], {
  cwd: PROJECT,
  env: {
    ...process.env,
    SAMPLE_DATA_DIR: folder,
    DATABASE_URL: '',
    USER_DATA_URL: '',
    ORDERS_WAIT: '',
    PORT: '0',
  },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const exit = new Promise((resolve) => sample.once('exit', resolve));
try {
  const url = await statusUrl();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  });
  for (const colorScheme of ['light', 'dark']) {
    const page = await browser.newPage({ viewport: { width: 1000, height: 600 }, colorScheme });
    await page.goto(url);
    const path = join(PROJECT, `docs/status-${colorScheme}.png`);
    await page.screenshot({ path, fullPage: true });
    console.log(path);
  }
  await browser.close();
} finally {
  sample.kill();
  await exit;
  await rm(folder, { recursive: true, force: true });
}

/** Where the sample application says its status page is. */
async function statusUrl() {
  let output = '';
  for await (const text of sample.stdout.setEncoding('utf8')) {
    output += text;
    const url = /\s(http:\S+\/internal\/migrations)\s/.exec(output)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error(`The sample application ended:\n${output}`);
}
