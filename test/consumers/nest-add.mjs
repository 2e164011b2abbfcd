// Runs `nest add nestjs-prometheus-migrations` in what `nest new` makes, twice, then builds and starts it.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startRegistry } from './registry.mjs';

/** Versions of Nest, each with a Node.js that its command line runs on. */
const ROWS = [
  { nest: '10', node: '20' },
  { nest: '11', node: '22' },
  { nest: '12', node: '24' },
];
/** What `nest new` names and a build needs, vitest for its types. Linters and the rest take most of the time to install. */
const NEEDED = /^(typescript|vitest|@types\/(node|express)|@nestjs\/(cli|schematics))$/;
const NEST = 'node_modules/@nestjs/cli/bin/nest.js';
const LINES = [
  /^import \{ PrometheusMigrationsModule \} from 'nestjs-prometheus-migrations';$/m,
  /^ {2}imports: \[PrometheusMigrationsModule\.forRoot\(\)\],$/m,
];
/** Prints the metrics of the built application. */
const SCRAPE = `
  const { NestFactory } = await import('@nestjs/core');
  const { AppModule } = await import('./dist/app.module.js');
  const application = await NestFactory.create(AppModule, { logger: false });
  await application.listen(0, '127.0.0.1');
  const response = await fetch((await application.getUrl()) + '/metrics');
  console.log(await response.text());
  await application.close();
`;

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** `nest new`, in a folder that has its command line installed already. */
async function writeApplication({ run }, { nest }, env, directory) {
  mkdirSync(directory);
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ private: true }));
  const install = ['install', '--no-audit', '--no-fund'];
  await run(directory, env, 'npm', ...install, `@nestjs/cli@${nest}`, `@nestjs/schematics@${nest}`);
  await run(directory, env, 'node', NEST, 'new', 'made', '--skip-install', '--skip-git', '-p', 'npm');
  const made = join(directory, 'made');
  for (const file of ['src', 'nest-cli.json', 'tsconfig.json', 'tsconfig.build.json'])
    cpSync(join(made, file), join(directory, file), { recursive: true });
  const { devDependencies, ...manifest } = readJson(join(made, 'package.json'));
  const kept = Object.entries(devDependencies).filter(([name]) => NEEDED.test(name));
  const text = JSON.stringify({ ...manifest, devDependencies: Object.fromEntries(kept) }, null, 2);
  writeFileSync(join(directory, 'package.json'), `${text}\n`);
  // A build would compile it as well.
  rmSync(made, { recursive: true });
  await run(directory, env, 'npm', ...install);
}

function check(holds, problem) {
  if (!holds) throw new Error(problem);
}

async function tryRow(tools, row, registry, directory) {
  const { run, nodeOf, delimiter } = tools;
  const began = Date.now();
  const project = join(directory, `nest-add-${row.nest}`);
  const bin = await nodeOf(row.node, directory);
  const env = { PATH: `${bin}${delimiter}${process.env.PATH}` };
  await writeApplication(tools, row, env, project);

  const add = () =>
    run(
      project,
      { ...env, npm_config_registry: registry },
      'node',
      NEST,
      'add',
      'nestjs-prometheus-migrations',
    );
  await add();
  const file = join(project, 'src/app.module.ts');
  const added = readFileSync(file, 'utf8');
  for (const line of LINES) check(line.test(added), `src/app.module.ts lacks ${line}:\n${added}`);
  const { dependencies } = readJson(join(project, 'package.json'));
  check('prom-client' in dependencies, 'package.json has no prom-client');

  const output = await add();
  check(output.includes('Nothing to add.'), `The second time, it says:\n${output}`);
  check(readFileSync(file, 'utf8') === added, 'The second time, src/app.module.ts was changed');

  await run(project, env, 'node', NEST, 'build');
  const metrics = await run(project, env, 'node', '--input-type=module', '--eval', SCRAPE);
  check(metrics.includes('# TYPE typeorm_migrations_unapplied_total gauge'), `It exports:\n${metrics}`);
  const seconds = Math.round((Date.now() - began) / 1000);
  const { version } = readJson(join(project, 'node_modules/@nestjs/cli/package.json'));
  console.log(`nest-add: passed in ${seconds} s with @nestjs/cli ${version} and node ${row.node}`);
}

/** The number of versions of Nest with which it fails. */
export async function tryNestAdd(tools, manifest, tarball, directory) {
  const registry = await startRegistry(manifest, tarball);
  try {
    const failures = await tools.forEach(ROWS, (row) => tryRow(tools, row, registry.url, directory));
    for (const { item, error } of failures)
      console.error(`nest-add on ${item.nest}: failed\n${error.message}`);
    console.log(`nest-add: ${ROWS.length - failures.length} passed, ${failures.length} failed`);
    return failures.length;
  } finally {
    registry.close();
  }
}
