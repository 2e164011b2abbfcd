import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const path = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'chromium'))
  .find((file) => existsSync(file));

/** Whether Debian's Chromium is installed. With `CI=true` it must be. */
export const hasChromium = path !== undefined;
if (!hasChromium && process.env['CI'] === 'true') {
  throw new Error('No chromium on the PATH: in CI that is a failure. Debian has it in its package chromium.');
}

/** A real browser without a window, which asks for nothing of its own accord. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: path ?? 'chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
