// Checks the package as users get it: packs it, looks at what is in the tarball and how it resolves,
// and installs it into a consumer project for each entry of matrix.json. Run `npm run build` before.
// Names of entries as arguments run these alone. `command-line` and `nest-add` have matrices of their own.
import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { tryCommandLine } from './command-line.mjs';
import { tryNestAdd } from './nest-add.mjs';

const root = join(import.meta.dirname, '../..');
const PACKED = [
  /^(package\.json|llms\.txt|README\.md|LICENSE|CHANGELOG\.md|CONTRIBUTING\.md|SECURITY\.md|docs\/[\w.-]+\.(json|md|png|svg))$/,
  /^dist\/lib\/.+\.(js|js\.map|d\.ts)$/,
  /^schematics\/(collection\.json|nest-add\/[\w.-]+\.(cjs|json))$/,
  /^monitoring\/(generate\.mjs|\w+\/[\w.-]+\.(json|libsonnet|yml|yaml))$/,
];
const REQUIRED = [
  'package.json',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'dist/lib/index.js',
  'dist/lib/index.d.ts',
  'llms.txt',
  'docs/command-line.md',
  'docs/report.schema.json',
  'docs/review.schema.json',
  'docs/runbooks.md',
  'monitoring/generate.mjs',
  'monitoring/grafana/migrations.json',
  'monitoring/grafana/migrations.grafana-com.json',
  'monitoring/kubernetes/migration-job.example.yaml',
  'monitoring/mixin/mixin.libsonnet',
  'monitoring/prometheus/migrations.rules.yml',
  'schematics/collection.json',
  'schematics/nest-add/nest-add.cjs',
];
/** Optional peers: npm installs those that a consumer names. */
const CLIENTS = ['prom-client', '@prometheus-io/client'];
/** Installations and test runs at the same time: each keeps less than one core busy. */
const AT_ONCE = 3;

/** Runs a command without a word of its output, unless it fails. */
function run(cwd, env, command, ...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 300_000,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === 0) return resolve(stdout);
      const why = `${[command, ...args].join(' ')}: ${signal ?? `exit code ${status}`}`;
      reject(new Error(`${why}\n${stdout}${stderr}`));
    });
  });
}

async function pack(directory) {
  // prepack would build a second time.
  const packed = await run(
    root,
    {},
    'npm',
    'pack',
    '--json',
    '--ignore-scripts',
    '--pack-destination',
    directory,
  );
  const [{ filename, files, size }] = JSON.parse(packed);
  const paths = files.map(({ path }) => path).sort();
  console.log(`${filename}, ${paths.length} files, ${Math.ceil(size / 1024)} kB:`);
  for (const path of paths) console.log(`  ${path}`);
  const surplus = paths.filter((path) => !PACKED.some((pattern) => pattern.test(path)));
  if (surplus.length > 0) throw new Error(`Not to be published: ${surplus.join(', ')}`);
  const missing = REQUIRED.filter((path) => !paths.includes(path));
  if (missing.length > 0) throw new Error(`Missing in the tarball: ${missing.join(', ')}`);
  return join(directory, filename);
}

function writeManifest(directory, manifest) {
  writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest, null, 2));
}

const readManifest = (...path) => JSON.parse(readFileSync(join(...path, 'package.json'), 'utf8'));

const nodes = new Map();

/** The directory of a Node.js executable: this process's own if it is one of that version. */
function nodeOf(version, directory) {
  if (!nodes.has(version)) nodes.set(version, installNode(version, directory));
  return nodes.get(version);
}

async function installNode(version, directory) {
  if (process.versions.node.startsWith(`${version}.`)) return join(process.execPath, '..');
  const home = join(directory, `node-${version}`);
  mkdirSync(home);
  // Its install script fetches the package with this platform's executable.
  writeManifest(home, { private: true, allowScripts: { node: true } });
  await run(home, {}, 'npm', 'install', '--no-audit', '--no-fund', `node@${version}`);
  return join(home, 'node_modules/node/bin');
}

function dependenciesOf({ nest, typeorm, platform, clients, dependencies }) {
  return {
    '@nestjs/common': nest,
    '@nestjs/core': nest,
    [`@nestjs/platform-${platform}`]: nest,
    '@nestjs/typeorm': nest,
    typeorm,
    // Not among the dependencies of Nest's package, which needs them.
    ...(platform === 'express' && { '@types/express': '5' }),
    ...clients,
    ...dependencies,
  };
}

/** A file about a package, or several, is named after them. */
const fileOf = (...packages) => packages.map((name) => name.replace('@', '').replace('/', '-')).join('-and-');

/** A consumer project in a directory of its own. */
function writeConsumer(entry, directory) {
  const { consumer, format, platform, clients, dependencies = {} } = entry;
  const files = import.meta.dirname;
  const filter = (path) => !/[\\/](node_modules|dist|package-lock\.json)$/.test(path);
  const source = join(directory, 'src');
  cpSync(join(files, consumer), directory, { recursive: true, filter });
  cpSync(join(files, 'shared'), source, { recursive: true });
  cpSync(join(files, `platforms/${platform}.ts`), join(source, 'platform.ts'));
  const platformTest = join(files, `platforms/${platform}.test.ts`);
  if (consumer === 'application' && existsSync(platformTest))
    cpSync(platformTest, join(source, 'platform.test.ts'));
  const [client] = Object.keys(clients);
  if (client !== undefined) cpSync(join(files, `clients/${fileOf(client)}.ts`), join(source, 'client.ts'));
  // prom-client 14 has none.
  if (consumer === 'application' && !clients[client].startsWith('14')) {
    cpSync(join(files, 'extras/openmetrics.test.ts'), join(source, 'openmetrics.test.ts'));
  }
  for (const packages of [Object.keys(clients), ...Object.keys(dependencies)]) {
    const test = `${fileOf(...[packages].flat())}.test.ts`;
    if (existsSync(join(files, 'extras', test))) cpSync(join(files, 'extras', test), join(source, test));
  }
  const { devDependencies, ...manifest } = readManifest(directory);
  if (entry.skipLibCheck) skipLibCheck(directory);
  // All of one kind: what the entry names takes the place of what the project does.
  const all = { ...devDependencies, ...manifest.dependencies, ...dependenciesOf(entry) };
  // TypeORM's peers end at better-sqlite3 12; only 13 has a binary for every Node.js.
  writeManifest(directory, { ...manifest, type: format, dependencies: all, overrides: entry.overrides });
}

/** TypeORM 0.3.12's own declarations do not compile with those of today's Node.js. */
function skipLibCheck(directory) {
  const file = join(directory, 'tsconfig.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace('"skipLibCheck": false', '"skipLibCheck": true'));
}

async function tryConsumer(entry, tarball, directory) {
  const began = Date.now();
  const project = join(directory, entry.name);
  writeConsumer(entry, project);
  const bin = await nodeOf(entry.node, directory);
  const env = { PATH: `${bin}${delimiter}${process.env.PATH}` };
  env.MATRIX_NODE = (await run(project, env, 'node', '--version')).trim();
  await run(project, env, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball);
  const surplus = CLIENTS.filter((name) => !(name in entry.clients));
  if (surplus.some((name) => existsSync(join(project, 'node_modules', name)))) {
    throw new Error(`Installed, though nobody asked for it: ${surplus.join(', ')}`);
  }
  await run(project, env, 'npm', 'test');
  const versions = Object.keys(readManifest(project).dependencies)
    .filter((name) => !name.startsWith('@types/') && name !== 'nestjs-prometheus-migrations')
    .map((name) => `${name} ${readManifest(project, 'node_modules', name).version}`);
  const seconds = Math.round((Date.now() - began) / 1000);
  console.log(
    `${entry.name}: passed in ${seconds} s as ${entry.format} with node ${env.MATRIX_NODE.slice(1)}, ${versions.join(', ')}`,
  );
}

/** Calls `job` for each item, a few at a time; all of them, even if one fails. */
async function forEach(items, job) {
  const waiting = [...items];
  const failures = [];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      await job(item).catch((error) => failures.push({ item, error }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return failures;
}

const matrix = JSON.parse(readFileSync(join(import.meta.dirname, 'matrix.json'), 'utf8'));
const named = process.argv.slice(2);
const entries = named.length === 0 ? matrix : matrix.filter(({ name }) => named.includes(name));
/** Those that are not in matrix.json. */
const others = ['command-line', 'nest-add'].filter((name) => named.length === 0 || named.includes(name));
if (named.some((name) => !others.includes(name) && !entries.some((entry) => entry.name === name)))
  throw new Error(`Not all of these are in matrix.json: ${named.join(', ')}`);
const directory = mkdtempSync(join(realpathSync(tmpdir()), 'consumers-'));
try {
  const tarball = await pack(directory);
  await run(root, {}, 'npx', '--no', 'publint', tarball, '--strict');
  console.log('publint: no complaints');
  await run(root, {}, 'npx', '--no', 'attw', tarball);
  console.log('attw: resolves for CommonJS, ES modules and bundlers');
  const failures = await forEach(entries, (entry) => tryConsumer(entry, tarball, directory));
  for (const { item, error } of failures) console.error(`${item.name}: failed\n${error.message}`);
  const tools = { run, nodeOf, forEach, delimiter };
  if (others.includes('command-line') && (await tryCommandLine(tools, tarball, directory)) > 0)
    process.exitCode = 1;
  if (others.includes('nest-add') && (await tryNestAdd(tools, readManifest(root), tarball, directory)) > 0)
    process.exitCode = 1;
  console.log(`consumers: ${entries.length - failures.length} passed, ${failures.length} failed`);
  if (failures.length > 0) process.exitCode = 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
