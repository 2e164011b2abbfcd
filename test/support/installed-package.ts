import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from './documents';
import type { Sample } from './sample-app';

export const PACKAGE = 'nestjs-prometheus-migrations';

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}
export const manifest = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as Manifest;

/** Makes the folder of somebody who has installed the package, and returns it. */
export function installPackage(sample: Sample): string {
  const folder = join(sample.folder, 'app');
  const installed = join(folder, 'node_modules', PACKAGE);
  mkdirSync(join(installed, '..', '.bin'), { recursive: true });
  for (const part of ['package.json', 'dist']) {
    cpSync(join(sample.folder, part), join(installed, part), { recursive: true });
  }
  cpSync(join(PROJECT, 'monitoring'), join(installed, 'monitoring'), { recursive: true });
  const main = join(installed, manifest.bin[PACKAGE] ?? '');
  chmodSync(main, 0o755);
  symlinkSync(main, join(installed, '..', '.bin', PACKAGE));
  mkdirSync(join(folder, 'dist'));
  return folder;
}
