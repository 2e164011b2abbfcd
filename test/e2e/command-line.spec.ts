import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CommandProcess, type Ended } from '../support/command-process';
import { COMPILE_MS, type CompiledFixture, compileFixture } from '../support/compiled';
import { readingsOf } from '../support/exposition';
import { MIGRATIONS, Project } from '../support/project';
import { parseReport } from '../support/report-schema';
import { silentServer, type SilentServer } from '../support/silent-server';

const PATIENCE = { timeout: 90_000 };
const PASSWORD = 'hunter2';

let fixture: CompiledFixture;
let project: Project;
const running: CommandProcess[] = [];

beforeAll(async () => {
  fixture = await compileFixture('lib/cli/main');
}, COMPILE_MS);
afterAll(() => fixture.remove());

beforeEach(() => {
  project = new Project();
});
afterEach(async () => {
  for (const process of running) process.kill('SIGKILL');
  await Promise.all(running.splice(0).map((process) => process.ended()));
  project.remove();
});

function start(args: string, env: NodeJS.ProcessEnv = {}): CommandProcess {
  const started = CommandProcess.start(fixture.file, args.split(' '), { cwd: project.folder, env });
  running.push(started);
  return started;
}

const run = (args: string, env?: NodeJS.ProcessEnv): Promise<Ended> => start(args, env).ended();

/** Whatever a file does: one line on stderr that says what and what to do, and nothing that it must not. */
function expectOneLine({ code, stdout, stderr }: Ended): void {
  expect(stderr).toMatch(/^[^\n]+\n$/);
  expect(stderr).not.toMatch(/\n\s+at |node:internal/);
  expect(stderr).not.toContain(PASSWORD);
  expect(stdout).toBe('');
  expect(code).toBe(2);
}

describe('exit codes', PATIENCE, () => {
  it.each([
    { code: 0, what: 'everything is applied', applied: MIGRATIONS },
    { code: 1, what: 'a migration is unapplied', applied: MIGRATIONS.slice(0, 1) },
    {
      code: 1,
      what: '--fail-on names what there is',
      applied: ['Gone1700000000009'],
      flags: '--fail-on unknown',
    },
    { code: 0, what: 'the code defines no migration', applied: [], defined: [] },
    {
      code: 1,
      what: '--fail-on names it',
      applied: [],
      defined: [],
      flags: '--fail-on unapplied,no-migrations',
    },
    { code: 0, what: '--fail-on does not name what there is', applied: [], flags: '--fail-on unknown' },
  ])('$what: $code', async ({ code, applied, defined = MIGRATIONS, flags = '' }) => {
    project.dataSource('data-source.js', { applied, defined });
    const ended = await run(`check --data-source data-source.js ${flags}`.trim());
    expect(ended).toMatchObject({ code, stderr: '' });
    expect(ended.stdout).toContain('default');
  });

  it.each([
    ['no command', ''],
    ['a misspelt command', 'chekc'],
    ['a misspelt flag', 'check --data-sourc data-source.js'],
    ['a value that cannot work', 'check --data-source data-source.js --wait soon'],
    ['no file named', 'check'],
    ['no such file', 'check --data-source gone.js'],
  ])('2: %s', async (_what, args) => {
    project.dataSource('data-source.js', { applied: MIGRATIONS });
    const ended = await run(args);
    expectOneLine(ended);
  });

  it('2 wins over 1, and the report is printed all the same', async () => {
    project.dataSource('behind.js');
    project.dataSource('lost.js', { connection: "type: 'better-sqlite3', database: 'gone.sqlite'" });
    const ended = await run('check --data-source behind.js --data-source lost.js --json');
    expect(ended).toMatchObject({ code: 2, stderr: '' });
    expect(parseReport(ended.stdout)).toMatchObject({
      status: 'unreadable',
      ok: false,
      connections: [
        { connection: 'behind', status: 'unapplied' },
        { connection: 'lost', status: 'unreadable', reason: 'unreachable' },
      ],
    });
  });

  it('0 for the help and the version, on stdout', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await run('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    const help = await run('check --help');
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('--data-source');
  });
});

describe('what is printed', PATIENCE, () => {
  const CHATTY = [
    "console.log('[dotenv@17.0.0] injecting env (3) from .env');",
    "console.error('a warning');",
    "process.stdout.write('no line end');",
    "process.emitWarning('an old way');",
  ];

  it('is one JSON document on stdout, whatever the file prints', async () => {
    project.dataSource('quiet.js', { applied: MIGRATIONS });
    project.write('chatty.js', ...CHATTY, "module.exports = require('./quiet.js');");
    const { code, stdout, stderr } = await run('check --data-source chatty.js --json');
    expect(parseReport(stdout)).toMatchObject({ ok: true });
    expect(stderr).toContain('injecting env');
    expect(code).toBe(0);
  });

  it.each([
    ['a table', MIGRATIONS, 0],
    ['unapplied migrations', [], 1],
  ])('is nothing with --quiet: %s', async (_what, applied, code) => {
    project.dataSource('quiet.js', { applied });
    project.write('chatty.js', ...CHATTY, "module.exports = require('./quiet.js');");
    expect(await run('check --data-source chatty.js --quiet')).toEqual({ code, stdout: '', stderr: '' });
  });

  it('is nothing with --quiet even if the file throws', async () => {
    project.write('data-source.js', ...CHATTY, "throw new Error('no');");
    expect(await run('check --data-source data-source.js --quiet')).toEqual({
      code: 2,
      stdout: '',
      stderr: '',
    });
  });

  it('has colors if they are asked for', async () => {
    project.dataSource('data-source.js', { applied: MIGRATIONS });
    const plain = await run('check --data-source data-source.js');
    expect(plain.stdout).not.toContain('\u001b');
    const colored = await run('check --data-source data-source.js', { FORCE_COLOR: '1' });
    expect(colored.stdout).toContain('\u001b[32myes');
  });

  it('may be cut off by its reader', async () => {
    project.dataSource('data-source.js', { applied: [] });
    const command = `"${process.execPath}" "${fixture.file}" check --data-source data-source.js --json`;
    const shell = `{ ${command}; echo $? > code; } | head -1; cat code`;
    const { stdout, stderr } = await promisify(execFile)('sh', ['-c', shell], { cwd: project.folder });
    expect(stdout).toBe('{\n1\n');
    expect(stderr).toBe('');
  });

  it('may have no reader at all', async () => {
    project.dataSource('data-source.js', { applied: [] });
    const started = start('check --data-source data-source.js --json');
    started.child.stdout?.destroy();
    expect(await started.ended()).toEqual({ code: 1, stdout: '', stderr: '' });
  });
});

/** What a file of the application may do instead of exporting a DataSource. */
describe('a file that', PATIENCE, () => {
  it.each([
    ['ends the process as if all was well', 'process.exit(0);', 'ended the process'],
    ['ends the process', 'process.exit(1);', 'ended the process'],
    [
      'ends the process later',
      'setTimeout(() => process.exit(0)); module.exports = new Promise(() => {});',
      'ended the process',
    ],
    [
      'sets an exit code and never settles',
      'process.exitCode = 0; module.exports = new Promise(() => {});',
      'waits for ever',
    ],
    ['exports a promise that never settles', 'exports.dataSource = new Promise(() => {});', 'waits for ever'],
    [
      'throws',
      `throw new Error('postgres://root:${PASSWORD}@db/x cannot be reached');`,
      'data-source.js could not be loaded. Error: postgres://…',
    ],
    ['throws what is no error', `throw '${PASSWORD}';`, 'a thrown string'],
    ['throws nothing', 'throw undefined;', 'a thrown undefined'],
    [
      'throws in a timer',
      "setTimeout(() => { throw new Error('late'); }); exports.dataSource = new Promise(() => setInterval(() => {}, 1000));",
      'Error: late',
    ],
    [
      'leaves a rejection unhandled',
      "Promise.reject(new Error('lost')); exports.dataSource = new Promise(() => setInterval(() => {}, 1000));",
      'Error: lost',
    ],
    [
      'rejects',
      `exports.dataSource = Promise.reject(new Error('password=${PASSWORD} is wrong'));`,
      'Error: password=… is wrong',
    ],
    [
      'throws from its factory',
      "exports.default = () => { throw new Error('not today'); };",
      'data-source.js exports a promise or a factory that failed. Error: not today',
    ],
    [
      'parses a variable of the environment that is no JSON',
      'JSON.parse(process.env.DB_OPTIONS);',
      'data-source.js could not be loaded. SyntaxError: a text is not valid JSON.',
    ],
    ['exports nothing', '', 'exports no TypeORM DataSource'],
    ['is no JavaScript', 'const = 1;', 'SyntaxError'],
    [
      'needs a package that is not installed',
      "require('not-installed-here');",
      "Cannot find module 'not-installed-here'",
    ],
  ])('%s: 2, and one line that says so', async (_what, source, says) => {
    project.write('data-source.js', source);
    const ended = await run('check --data-source data-source.js', { DB_OPTIONS: PASSWORD });
    expect(ended.stderr).toContain(says);
    expectOneLine(ended);
  });

  it('awaits for ever at its top level: 2', async () => {
    project.write('data-source.mjs', 'await new Promise(() => {});', 'export default 1;');
    const ended = await run('check --data-source data-source.mjs');
    expect(ended.stderr).toContain('waits for ever');
    expectOneLine(ended);
  });

  it('leaves timers and sockets open does not keep the command alive', async () => {
    project.dataSource('real.js', { applied: MIGRATIONS });
    project.write(
      'data-source.js',
      "require('node:http').createServer().listen(0);",
      'setInterval(() => {}, 1000);',
      "module.exports = require('./real.js');",
    );
    expect(await run('check --data-source data-source.js')).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('--output', PATIENCE, () => {
  it.each([
    ['a process', "require('node:child_process').spawnSync('echo', ['{'], { stdio: 'inherit' });"],
    ['a worker', "new (require('node:worker_threads').Worker)('console.log(\"{\")', { eval: true });"],
    ['a write to the descriptor', "require('node:fs').writeSync(1, '{');"],
  ])('has the report and nothing else, though %s prints to stdout', async (_who, before) => {
    project.dataSource('data-source.js', { before });
    const { code } = await run('check -d data-source.js --json --output out/report.json').then((ended) => {
      expect(ended.code).toBe(2);
      expect(ended.stderr).toMatch(
        /^--output .*out\/report\.json could not be written \(ENOENT\)\. Check that /m,
      );
      project.write('out/.keep', '');
      return run('check -d data-source.js --json --output out/report.json');
    });
    expect(code).toBe(1);
    expect(parseReport(readFileSync(project.path('out/report.json'), 'utf8'))).toMatchObject({ ok: false });
    expect(readdirSync(project.path('out')).sort()).toEqual(['.keep', 'report.json']);
  });

  it.each([
    ['check', '--output'],
    ['metrics', '--textfile'],
  ])('of %s is no file that the command reads', async (name, flag) => {
    project.dataSource('data-source.js');
    for (const file of ['data-source.js', 'data-source.js.sqlite']) {
      const before = readFileSync(project.path(file));
      const ended = await run(`${name} -d a=data-source.js#AppDataSource ${flag} ${file}`);
      expect(ended.stderr).toMatch(/ is a file that this command reads\. /);
      expectOneLine(ended);
      expect(readFileSync(project.path(file)).equals(before)).toBe(true);
    }
  });

  it('has the text, as wide as it is and without colors, also if nothing is printed', async () => {
    project.dataSource('data-source.js', { before: 'process.chdir("/");' });
    const ended = await run('check -d data-source.js -q -o report.txt', { FORCE_COLOR: '1' });
    expect(ended).toEqual({ code: 1, stdout: '', stderr: '' });
    const text = readFileSync(project.path('report.txt'), 'utf8');
    expect(text).toMatch(/^connection {2}ok .* out of order\n/);
    expect(text).not.toContain('\u001b');
  });
});

describe('signals', PATIENCE, () => {
  let server: SilentServer | undefined;
  afterEach(() => server?.close());

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s ends a wait with %i', async (signal, code) => {
    project.dataSource('data-source.js');
    const waiting = start('check --data-source data-source.js --wait 600');
    await waiting.told('Waiting for migrations');
    waiting.kill(signal);
    expect(await waiting.ended()).toMatchObject({ code, stdout: '' });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends a connect that hangs with %i', async (signal, code) => {
    server = await silentServer();
    project.write(
      'data-source.js',
      "const { DataSource } = require('typeorm');",
      `module.exports = new DataSource({ type: 'postgres', host: '127.0.0.1', port: ${server.port}, username: 'root', password: '${PASSWORD}' });`,
    );
    const hanging = start('check --data-source data-source.js --timeout 600000');
    await server.connected;
    hanging.kill(signal);
    expect(await hanging.ended()).toEqual({ code, stdout: '', stderr: '' });
  });

  it('leave nothing of a textfile behind', async () => {
    server = await silentServer();
    project.write(
      'data-source.js',
      "const { DataSource } = require('typeorm');",
      `module.exports = new DataSource({ type: 'postgres', host: '127.0.0.1', port: ${server.port} });`,
    );
    project.write('out/migrations.prom', 'as it was');
    const hanging = start(
      'metrics --data-source data-source.js --textfile out/migrations.prom --timeout 600000',
    );
    await server.connected;
    hanging.kill('SIGTERM');
    expect(await hanging.ended()).toMatchObject({ code: 143 });
    expect(readdirSync(project.path('out'))).toEqual(['migrations.prom']);
    expect(readFileSync(project.path('out/migrations.prom'), 'utf8')).toBe('as it was\n');
  });
});

describe('metrics', PATIENCE, () => {
  it('prints the exposition', async () => {
    project.dataSource('data-source.js', { applied: MIGRATIONS.slice(0, 1) });
    const { code, stdout, stderr } = await run('metrics --data-source data-source.js');
    expect(readingsOf(stdout, 'default')).toMatchObject({ applied_total: 1, unapplied_total: 1 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('prints it all the same if a connection cannot be read, and exits with 2', async () => {
    project.dataSource('well.js');
    project.dataSource('lost.js', { connection: "type: 'better-sqlite3', database: 'gone.sqlite'" });
    const { code, stdout } = await run('metrics --data-source well.js --data-source lost.js');
    expect(readingsOf(stdout, 'well')).toMatchObject({ unapplied_total: 2, collection_success: 1 });
    expect(readingsOf(stdout, 'lost')).toMatchObject({ unapplied_total: -1, collection_success: 0 });
    expect(code).toBe(2);
  });

  it('writes a textfile, and nothing to stdout', async () => {
    project.dataSource('data-source.js');
    project.write('out/other.prom', '');
    expect(await run('metrics --data-source data-source.js --textfile out/migrations.prom')).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    const text = readFileSync(project.path('out/migrations.prom'), 'utf8');
    expect(readingsOf(text, 'default')).toMatchObject({ unapplied_total: 2 });
    expect(readdirSync(project.path('out')).sort()).toEqual(['migrations.prom', 'other.prom']);
  });

  it('says what is wrong with an environment variable', async () => {
    project.dataSource('data-source.js');
    const ended = await run('metrics --data-source data-source.js', { PROMETHEUS_METRIC_NAMESPACE: '1st' });
    expect(ended.stderr).toMatch(/^PrometheusMigrationsModule: PROMETHEUS_METRIC_NAMESPACE is "1st"/);
    expectOneLine(ended);
  });
});

describe('a file with a copy of TypeORM that the command does not find', PATIENCE, () => {
  it.each(['commonjs', 'module'])('connects without writing, too (%s)', PATIENCE, async (type) => {
    const isModule = type === 'module';
    // The file that is named has no TypeORM of its own: it imports that of a neighbour.
    project.write('neighbour/package.json', JSON.stringify({ type }));
    const database = project.database('app.sqlite');
    const options = `{ type: 'better-sqlite3', database: '${database}', migrations: [First1700000000000], migrationsRun: true }`;
    project.write(
      'neighbour/data-source.js',
      isModule
        ? "import { DataSource } from 'typeorm';"
        : "const { DataSource } = require('typeorm'); exports.make = () => make();",
      'class First1700000000000 { async up(runner) { await runner.query("CREATE TABLE written (id int)"); } async down() {} }',
      `const make = () => new DataSource(${options}).initialize();`,
      isModule ? 'export { make };' : '',
    );
    const lonely = new Project();
    try {
      rmSync(join(lonely.folder, 'node_modules'));
      const neighbour = join(project.folder, 'neighbour/data-source.js');
      const file = lonely.write(
        'named.mjs',
        `import { make } from '${pathToFileURL(neighbour).href}';`,
        'export default make();',
      );
      expect(await run(`check -d ${file}`)).toMatchObject({ code: 1 });
      const written = new Database(database, { readonly: true });
      expect(written.prepare('SELECT name FROM sqlite_master').pluck().all()).not.toContain('written');
      written.close();
    } finally {
      lonely.remove();
    }
  });
});

describe('the exit code', PATIENCE, () => {
  it('is known though nothing but the look for migrations keeps the process alive', async () => {
    project.dataSource('data-source.js', { defined: [], options: "migrations: ['nowhere/*.js']" });
    expect(await run('check -d data-source.js')).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    ['a listener that sets it', "process.on('exit', () => { process.exitCode = 0; });"],
    ['a listener before all others', "process.prependListener('exit', () => { process.exitCode = 0; });"],
    ['a listener that exits', "process.prependListener('exit', () => process.exit(0));"],
    ['a replaced process.exit()', 'process.exit = () => {}; process.exitCode = 0;'],
    ['all listeners taken away', "process.removeAllListeners('exit'); process.exitCode = 0;"],
    ['those of all events taken away', 'process.removeAllListeners(); process.exitCode = 0;'],
    ['a handler of exceptions', "process.on('uncaughtException', () => process.exit(0));"],
    ['a handler of rejections', "process.on('unhandledRejection', () => process.exit(0));"],
  ])('is never that of a loaded file: %s', async (_what, before) => {
    project.dataSource('data-source.js', { before });
    expect(await run('check -d data-source.js')).toMatchObject({ code: 1, stderr: '' });
    for (const end of [
      'process.exit(0);',
      'process.exitCode = 0; setTimeout(() => process.exit(), 1); exports.default = new Promise(() => {});',
      'process.exitCode = 0; exports.default = new Promise(() => {});',
      "setTimeout(() => { throw new Error('late'); }, 1); exports.default = new Promise(() => {});",
      "Promise.reject(new Error('lost')); exports.default = new Promise(() => {});",
    ]) {
      project.write('data-source.js', before, end);
      const ended = await run('check -d data-source.js');
      expect([ended.code, ended.stdout, end]).toEqual([2, '', end]);
    }
  });

  it('is that of the report, whatever a loaded file does while its connections are closed', async () => {
    project.dataSource('data-source.js', {
      applied: MIGRATIONS,
      exported: [
        'exports.dataSource = dataSource;',
        'const poll = () => { dataSource.query("SELECT 1").then(() => setImmediate(poll)); };',
        'const wait = setInterval(() => { if (dataSource.isInitialized) { clearInterval(wait); poll(); } }, 1);',
      ].join('\n'),
    });
    for (const flags of ['', '--json', '--quiet', '--output report.txt']) {
      expect(await run(`check -d data-source.js ${flags}`.trim())).toMatchObject({ code: 0, stderr: '' });
    }
    expect(await run('metrics -d data-source.js')).toMatchObject({ code: 0, stderr: '' });
  });

  it.skipIf(!existsSync('/dev/full')).each(['check', 'check --json', 'metrics'])(
    'of %s is 2 if its output is lost',
    async (command) => {
      project.dataSource('data-source.js', { applied: MIGRATIONS });
      const shell = `"${process.execPath}" "${fixture.file}" ${command} -d data-source.js > /dev/full`;
      const failed: unknown = await promisify(execFile)('bash', ['-c', shell], { cwd: project.folder }).catch(
        (error: unknown) => error,
      );
      expect(failed).toMatchObject({ code: 2, stderr: 'The output could not be written (ENOSPC).\n' });
    },
  );
});
