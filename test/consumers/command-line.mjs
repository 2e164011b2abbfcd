// Runs the packed command line on TypeScript projects: each loader, on each Node.js, in each module format.
// One installation, to which every project links what it is to find.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const NODES = ['20', '22', '24'];
const FORMATS = ['commonjs', 'module'];
const LOADERS = ['@swc-node/register', 'ts-node', 'tsx', 'none'];
const NEEDED = ['typeorm', 'reflect-metadata', 'sql.js', 'typescript', 'nestjs-prometheus-migrations'];
const DEPENDENCIES = {
  '@swc-node/register': '1',
  '@swc/core': '1',
  '@types/node': '20',
  'prom-client': '15',
  'reflect-metadata': '0.2',
  'sql.js': '1',
  'ts-node': '10',
  tsx: '4',
  typeorm: '1',
  // ts-node does not work with the next one.
  typescript: '5.9',
};
const MAIN = 'node_modules/nestjs-prometheus-migrations/dist/lib/cli/main.js';

/** What the command has to come to. */
const UNAPPLIED = { code: 1, says: /"unapplied": \[\s*"First1700000000000"\s*\]/ };
const EXPECTED = {
  '@swc-node/register': UNAPPLIED,
  'ts-node': UNAPPLIED,
  // esbuild knows no types.
  tsx: {
    code: 2,
    says: /^\S+ could not be loaded\. Column\w+: .* The TypeScript loader has no decorator metadata: .*\n$/,
  },
  none: {
    code: 2,
    says: /^\S+ is TypeScript, and no loader for it is installed\. Install @swc-node\/register .*\n$/,
  },
};

const each = (list, make) => list.flatMap(make);
const ROWS = [
  ...each(NODES, (node) =>
    each(LOADERS, (loader) =>
      FORMATS.map((format) => ({ node, loader, format, hasEntities: true, ...EXPECTED[loader] })),
    ),
  ),
  ...each(NODES, (node) => FORMATS.map((format) => ({ node, loader: 'tsx', format, ...UNAPPLIED }))),
  { node: '22', loader: 'tsx', format: 'module', flags: ['--import', 'tsx'], ...UNAPPLIED },
  {
    node: '20',
    loader: 'ts-node',
    format: 'commonjs',
    hasEntities: true,
    flags: ['--require', 'ts-node/register'],
    ...UNAPPLIED,
  },
  {
    node: '24',
    loader: '@swc-node/register',
    format: 'module',
    hasEntities: true,
    options: '--import=@swc-node/register/esm-register',
    ...UNAPPLIED,
  },
  ...each(['ts-node', '@swc-node/register'], (loader) =>
    FORMATS.map((format) => ({ node: '24', loader, format, isGenerated: true, ...UNAPPLIED })),
  ),
];

/** @param tools - of run.mjs: `run`, `nodeOf` and `forEach` */
export async function tryCommandLine({ run, nodeOf, forEach }, tarball, directory) {
  const began = Date.now();
  const installed = join(directory, 'command-line');
  mkdirSync(installed);
  write(installed, 'package.json', JSON.stringify({ private: true, dependencies: DEPENDENCIES }));
  await run(installed, {}, 'npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', tarball);
  await tryWithoutNest(installed, run);
  const rows = ROWS.map((row, index) => ({ ...row, project: join(directory, `command-line-${index}`) }));
  const failures = await forEach(rows, async (row) => {
    await makeProject(row, installed, run);
    const bin = await nodeOf(row.node, directory);
    checkResult(row, await checkOf(row, join(bin, 'node')));
  });
  for (const { item, error } of failures) console.error(`${nameOf(item)}: failed\n${error.message}`);
  const seconds = Math.round((Date.now() - began) / 1000);
  console.log(
    `command line: ${rows.length - failures.length} passed, ${failures.length} failed, in ${seconds} s`,
  );
  return failures.length;
}

/** Scripts, and the types of one, where no package of Nest is installed. */
async function tryWithoutNest(installed, run) {
  const nest = ['@nestjs', 'rxjs'].filter((name) => existsSync(join(installed, 'node_modules', name)));
  if (nest.length > 0) throw new Error(`Installed, though nobody asked for it: ${nest.join(', ')}`);
  const isUnapplied = /"unapplied":\["First1700000000000"\].*unapplied_total\{connection="default"\} 1\n/s;
  const names = '{ instrumentMigrations, MigrationsExporter }';
  const from = 'nestjs-prometheus-migrations/standalone';
  const scripts = {
    'script.cjs': `const ${names} = require('${from}');\nconst { DataSource } = require('typeorm');`,
    'script.mjs': `import ${names} from '${from}';\nimport { DataSource } from 'typeorm';`,
  };
  for (const [name, imports] of Object.entries(scripts)) {
    write(installed, name, imports, ...SCRIPT);
    const output = await run(installed, {}, process.execPath, name);
    if (!isUnapplied.test(output)) throw new Error(`${name} without Nest printed:\n${output}`);
  }
  write(installed, 'script.mts', scripts['script.mjs'], ...SCRIPT);
  for (const resolution of ['node', 'bundler', 'nodenext']) {
    const module = resolution === 'nodenext' ? resolution : 'esnext';
    const options = ['--noEmit', '--strict', '--target', 'es2022', '--types', 'node'];
    await run(
      installed,
      {},
      'npx',
      'tsc',
      ...options,
      '--module',
      module,
      '--moduleResolution',
      resolution,
      'script.mts',
    );
  }
  const main = "require('nestjs-prometheus-migrations')";
  const error = await run(installed, {}, process.execPath, '-e', main).catch(({ message }) => message);
  if (!error.includes("import from 'nestjs-prometheus-migrations/standalone'")) throw new Error(error);
  const module = await run(installed, {}, process.execPath, MAIN, 'check', '--module', 'script.cjs').catch(
    ({ message }) => message,
  );
  if (!module.includes('has no @nestjs/core to start with')) throw new Error(module);
  console.log('without Nest: installs none of it; scripts and their types work');
}

const SCRIPT = [
  'class First1700000000000 { async up() {} async down() {} }',
  "const dataSource = new DataSource({ type: 'sqljs', migrations: [First1700000000000] });",
  'instrumentMigrations(dataSource);',
  'const exporter = new MigrationsExporter({ dataSources: { default: dataSource } });',
  'dataSource',
  '  .initialize()',
  '  .then(() => exporter.exportMigrations())',
  "  .then(([reading]) => reading?.status === 'read' && console.log(JSON.stringify(reading.state)))",
  '  .then(() => exporter.registry.metrics())',
  '  .then(console.log);',
];

function nameOf({ node, loader, format, hasEntities, isGenerated, flags = [], options }) {
  const more = [
    isGenerated ? 'typeorm init' : hasEntities ? 'decorated entities' : 'no entities',
    ...(flags.length > 0 ? [flags.join(' ')] : []),
    ...(options === undefined ? [] : [`NODE_OPTIONS=${options}`]),
  ];
  return `command line, node ${node}, ${loader}, ${format}, ${more.join(', ')}`;
}

function checkResult(row, { code, output }) {
  if (code !== row.code || !row.says.test(output)) {
    throw new Error(`exit code ${code} instead of ${row.code}, or not as ${row.says}:\n${output}`);
  }
  console.log(`${nameOf(row)}: exit code ${code}`);
}

function checkOf({ project, flags = [], options = '' }, node) {
  const args = [MAIN, 'check', '--data-source', 'src/data-source.ts', '--json', ...flags];
  return new Promise((resolve, reject) => {
    const child = spawn(node, args, {
      cwd: project,
      env: { ...process.env, NODE_OPTIONS: options },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

function write(project, name, ...lines) {
  mkdirSync(dirname(join(project, name)), { recursive: true });
  writeFileSync(join(project, name), lines.join('\n'));
}

async function makeProject(row, installed, run) {
  const { project, loader } = row;
  mkdirSync(project);
  if (row.isGenerated) await generate(row, installed, run);
  else writeProject(row);
  for (const name of [...NEEDED, ...(loader === 'none' ? [] : [loader])]) {
    const link = join(project, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(installed, 'node_modules', name), link, 'junction');
  }
}

const MIGRATION = [
  "import type { MigrationInterface, QueryRunner } from 'typeorm';",
  'export class First1700000000000 implements MigrationInterface {',
  '  async up(queryRunner: QueryRunner): Promise<void> {}',
  '  async down(queryRunner: QueryRunner): Promise<void> {}',
  '}',
];

/** Entities that refer to each other: with metadata, only `Relation` lets ES modules load them. */
const entity = (name, other, many, extension) => [
  "import { Column, Entity, ManyToOne, OneToMany, PrimaryGeneratedColumn } from 'typeorm';",
  "import type { Relation } from 'typeorm';",
  `import { ${other} } from './${other.toLowerCase()}${extension}';`,
  '@Entity()',
  `export class ${name} {`,
  '  @PrimaryGeneratedColumn() id: number;',
  '  @Column() name: string;',
  many
    ? `  @OneToMany(() => ${other}, (other) => other.one) many: Relation<${other}>[];`
    : `  @ManyToOne(() => ${other}, (other) => other.many) one: Relation<${other}>;`,
  '}',
];

function writeProject({ project, format, hasEntities = false }) {
  const isModule = format === 'module';
  const extension = isModule ? '.js' : '';
  const module = isModule ? 'nodenext' : 'commonjs';
  const compilerOptions = {
    target: 'es2022',
    module,
    moduleResolution: isModule ? 'nodenext' : 'node',
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    esModuleInterop: true,
    strict: false,
  };
  write(project, 'package.json', JSON.stringify({ private: true, type: format }));
  write(project, 'tsconfig.json', JSON.stringify({ compilerOptions }));
  write(project, 'src/migrations/1700000000000-First.ts', ...MIGRATION);
  write(project, 'src/entities/user.ts', ...entity('User', 'Post', true, extension));
  write(project, 'src/entities/post.ts', ...entity('Post', 'User', false, extension));
  write(
    project,
    'src/data-source.ts',
    "import 'reflect-metadata';",
    "import { DataSource } from 'typeorm';",
    ...(hasEntities
      ? [
          `import { User } from './entities/user${extension}';`,
          `import { Post } from './entities/post${extension}';`,
        ]
      : []),
    'export const AppDataSource = new DataSource({',
    "  type: 'sqljs',",
    '  synchronize: true,',
    `  entities: [${hasEntities ? 'User, Post' : ''}],`,
    "  migrations: ['src/migrations/*.ts'],",
    '});',
  );
}

/** As `npx typeorm init` makes it, with a database that needs no server and its migrations by a glob. */
async function generate({ project, format }, installed, run) {
  const cli = join(installed, 'node_modules/typeorm/cli.js');
  const kind = format === 'module' ? ['--module', 'esm'] : [];
  await run(project, {}, process.execPath, cli, 'init', '--database', 'better-sqlite3', ...kind);
  write(project, 'src/migrations/1700000000000-First.ts', ...MIGRATION);
  const file = join(project, 'src/data-source.ts');
  const source = readFileSync(file, 'utf8')
    .replace(/type: "better-sqlite3",\s*database: "[^"]*"/, 'type: "sqljs"')
    .replace('migrations: []', 'migrations: ["src/migrations/*.ts"]');
  if (!source.includes('sqljs') || !source.includes('*.ts')) throw new Error(`Not as expected:\n${source}`);
  writeFileSync(file, source);
  if (!readdirSync(join(project, 'src/entities')).includes('User.ts')) throw new Error('No entity');
}
