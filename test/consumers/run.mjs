// Checks the package as users get it: packs it, looks at what is in the tarball and how it resolves,
// and installs it into each consumer project beside this file. Run `npm run build` before.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const PACKED = /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/lib\/.+\.(js|js\.map|d\.ts))$/;
const REQUIRED = [
  'package.json',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'dist/lib/index.js',
  'dist/lib/index.d.ts',
];
const VERSIONS = ['@nestjs/core', '@nestjs/typeorm', 'typeorm', 'prom-client', 'typescript'];

/** Runs a command without a word of its output, unless it fails. */
function run(cwd, command, ...args) {
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 300_000,
  });
  if (status !== 0) {
    process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
    throw new Error(`${[command, ...args].join(' ')}: ${error?.message ?? signal ?? `exit code ${status}`}`);
  }
  return stdout;
}

function pack(directory) {
  // prepack would build a second time.
  const packed = run(root, 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', directory);
  const [{ filename, files, size }] = JSON.parse(packed);
  const paths = files.map(({ path }) => path).sort();
  console.log(`${filename}, ${paths.length} files, ${Math.ceil(size / 1024)} kB:`);
  for (const path of paths) console.log(`  ${path}`);
  const surplus = paths.filter((path) => !PACKED.test(path));
  if (surplus.length > 0) throw new Error(`Not to be published: ${surplus.join(', ')}`);
  const missing = REQUIRED.filter((path) => !paths.includes(path));
  if (missing.length > 0) throw new Error(`Missing in the tarball: ${missing.join(', ')}`);
  return join(directory, filename);
}

function tryConsumer(name, tarball, directory) {
  cpSync(join(import.meta.dirname, name), directory, {
    recursive: true,
    filter: (path) => !/[\\/](node_modules|dist|package-lock\.json)$/.test(path),
  });
  run(directory, 'npm', 'install', '--no-audit', '--no-fund', '--include=dev', tarball);
  run(directory, 'npm', 'test');
  const versions = VERSIONS.map((dependency) => {
    const manifest = readFileSync(join(directory, 'node_modules', dependency, 'package.json'), 'utf8');
    return `${dependency} ${JSON.parse(manifest).version}`;
  });
  console.log(`${name}: passed with ${versions.join(', ')}`);
}

const directory = mkdtempSync(join(realpathSync(tmpdir()), 'consumers-'));
try {
  const tarball = pack(directory);
  run(root, 'npx', '--no', 'publint', tarball, '--strict');
  console.log('publint: no complaints');
  run(root, 'npx', '--no', 'attw', tarball);
  console.log('attw: resolves for CommonJS, ES modules and bundlers');
  for (const { name } of readdirSync(import.meta.dirname, { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  )) {
    tryConsumer(name, tarball, join(directory, name));
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
