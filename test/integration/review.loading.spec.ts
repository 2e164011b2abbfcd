import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { classOf, dataSourceOf, fileOf, GLOB, History, nameOf, timestampOf } from '../support/history';
import { DEFAULT, ReviewCommand } from '../support/review';

const TIMEOUT = { timeout: 60_000 };

const command = new ReviewCommand();
let history: History;

beforeEach(() => {
  history = History.empty();
});
afterEach(() => history.remove());

function importOf(word: string, day: number, from = './migrations'): string {
  return `import { ${nameOf(word, day)} } from '${from}/${timestampOf(day)}-${word}';`;
}

/** Both branches add a migration to what lists them; `write` writes the list. */
async function findingsOf(write: (...migrations: [word: string, day: number][]) => void): Promise<string[]> {
  for (const day of [1, 2, 3]) history.migration(`Day${day}Of`, day);
  write(['Day1Of', 1], ['Day2Of', 2]);
  history.delete(fileOf('Day3Of', 3));
  history.commit();
  history.branch('feature');
  history.switch('main');
  history.migration('Day4Of', 4);
  write(['Day1Of', 1], ['Day2Of', 2], ['Day4Of', 4]);
  history.commit();
  history.switch('feature');
  history.migration('Day3Of', 3);
  history.migration('Day5Of', 5);
  history.change(fileOf('Day1Of', 1), (text) => text.replace('NOT NULL', ''));
  write(['Day1Of', 1], ['Day3Of', 3]);
  return command.findings(history);
}

const EXPECTED = [
  `late ${nameOf('Day3Of', 3)}`,
  `edited ${nameOf('Day1Of', 1)}`,
  `removed ${nameOf('Day2Of', 2)}`,
  `not-loaded ${nameOf('Day5Of', 5)}`,
];

describe('the migrations of a base are found', TIMEOUT, () => {
  it('in a list of classes', async () => {
    const findings = await findingsOf((...list) => {
      const names = list.map(([word, day]) => nameOf(word, day));
      history.write(
        'src/data-source.ts',
        ...dataSourceOf(`[${names.join(', ')}]`, ...list.map(([word, day]) => importOf(word, day))),
      );
    });

    expect(findings).toEqual(EXPECTED);
  });

  it('in an index file', async () => {
    history.write(
      'src/data-source.ts',
      ...dataSourceOf('Object.values(all)', "import * as all from './migrations';"),
    );

    const findings = await findingsOf((...list) =>
      history.write(
        'src/migrations/index.ts',
        ...list.map(([word, day]) => `export * from './${timestampOf(day)}-${word}';`),
      ),
    );

    expect(findings).toEqual(EXPECTED);
  });

  it('in an index file that a path matches', async () => {
    history.write('src/data-source.ts', ...dataSourceOf("[join(__dirname, 'migrations/index.ts')]"));

    const findings = await findingsOf((...list) =>
      history.write(
        'src/migrations/index.ts',
        ...list.map(([word, day]) => `export * from './${timestampOf(day)}-${word}';`),
      ),
    );

    expect(findings).toEqual(EXPECTED);
  });

  it('in a list behind an index file that a path matches, also if none is left', async () => {
    history.write('src/data-source.ts', ...dataSourceOf("[join(__dirname, 'migrations/index.ts')]"));
    history.write('src/migrations/index.ts', "export * from './list';");
    history.write('src/migrations/list.ts', `export * from './${timestampOf(1)}-First';`);
    history.migration('First', 1);
    history.commit();
    history.branch('shorter');
    history.write('src/migrations/list.ts', 'export {};');

    expect(await command.findings(history)).toEqual([`removed ${nameOf('First', 1)}`]);
  });

  it('beside a file that exports what is elsewhere', async () => {
    history.write('src/data-source.ts', ...dataSourceOf(GLOB));
    history.write('src/migrations/old.ts', "export * from '../old';");
    history.write('src/old/index.ts', "export * from './zero';");
    history.write('src/old/zero.ts', ...classOf('Zero', 0));
    history.commit();
    history.branch('shorter');
    history.write('src/old/index.ts', 'export {};');

    expect(await command.findings(history)).toEqual([`removed ${nameOf('Zero', 0)}`]);
  });

  it('under the name that a class gets when it is made', async () => {
    const name = nameOf('Made', 2);
    history.write('src/data-source.ts', ...dataSourceOf(GLOB));
    history.write(
      'src/migrations/made.ts',
      `class a { constructor() { (this as any).name = '${name}'; } async up(q: any) { await q.query('a'); } async down() {} }`,
      `export { a as ${name} };`,
    );
    history.commit();
    history.branch('other');
    history.change('src/migrations/made.ts', (text) => text.replace("query('a')", "query('b')"));

    expect(await command.findings(history)).toEqual([`edited ${name}`]);
  });

  it('by a path alias', async () => {
    history.write('tsconfig.json', '{ "compilerOptions": { "paths": { "@db/*": ["./src/migrations/*"] } } }');

    const findings = await findingsOf((...list) => {
      const imports = list.map(
        ([word, day]) => `import { ${nameOf(word, day)} } from '@db/${timestampOf(day)}-${word}';`,
      );
      const names = list.map(([word, day]) => nameOf(word, day));
      history.write('src/data-source.ts', ...dataSourceOf(`[${names.join(', ')}]`, ...imports));
    });

    expect(findings).toEqual(EXPECTED);
  });

  it('in a package of the workspace', async () => {
    history.write('packages/db/package.json', '{ "name": "@acme/db", "main": "index.ts" }');
    history.linkPackage('@acme/db', 'packages/db');
    history.migration('First', 1, 'packages/db');
    history.migration('Second', 2, 'packages/db');
    history.write(
      'packages/db/index.ts',
      ...['First', 'Second'].map((word, index) => `export * from './${timestampOf(index + 1)}-${word}';`),
    );
    history.write(
      'src/data-source.ts',
      ...dataSourceOf('Object.values(all)', "import * as all from '@acme/db';"),
    );
    history.commit();
    history.branch('feature');
    history.write('packages/db/index.ts', `export * from './${timestampOf(1)}-First';`);

    expect(await command.findings(history)).toEqual([`removed ${nameOf('Second', 2)}`]);
  });

  it('in the CommonJS of a JavaScript project', async () => {
    const write = (day: number, body: string) =>
      history.write(
        `migrations/${day}.js`,
        `module.exports = class ${nameOf('Day', day)} { async up(q) { ${body} } async down() {} };`,
      );
    history.write(
      'data-source.js',
      "const { DataSource } = require('typeorm');",
      "module.exports = new DataSource({ type: 'better-sqlite3', database: 'app.sqlite', migrations: ['migrations/*.js'] });",
    );
    write(2, 'await q.query("SELECT 1");');
    history.commit();
    history.branch('feature');
    write(1, '');
    write(2, "await q.query('SELECT 1')");
    const args = ['-d', 'data-source.js', '-b', 'main'];
    expect((await command.run(history.folder, ...args)).stdout).toContain(`late  ${nameOf('Day', 1)}`);
    expect((await command.run(history.folder, ...args)).stdout).not.toContain('edited');

    write(2, "await q.query('SELECT 2')");
    expect((await command.run(history.folder, ...args)).stdout).toContain(`edited  ${nameOf('Day', 2)}`);
  });

  it('by the aliases of several DataSources, each judged by its own', async () => {
    for (const name of ['orders', 'users']) {
      history.write(`src/${name}.ts`, ...dataSourceOf(`[join(__dirname, '${name}', '*.ts')]`));
    }
    history.migration('Order', 5, 'src/orders');
    history.migration('User', 1, 'src/users');
    history.commit();
    history.branch('feature');
    history.migration('LateOrder', 4, 'src/orders');
    history.migration('User', 2, 'src/users');

    const { stdout } = await command.run(
      history.folder,
      '-d',
      'src/orders.ts',
      '-d',
      'src/users.ts',
      '-b',
      'main',
      '--json',
    );

    const { connections } = JSON.parse(stdout) as {
      connections: { connection: string; ok: boolean; added: string[] }[];
    };
    expect(connections.map(({ connection, ok, added }) => [connection, ok, added])).toEqual([
      ['orders', false, [nameOf('LateOrder', 4)]],
      ['users', true, [nameOf('User', 2)]],
    ]);
  });

  it('in a Nest module', async () => {
    history.write(
      'src/app.module.ts',
      "import 'reflect-metadata';",
      "import { Module } from '@nestjs/common';",
      "import { TypeOrmModule } from '@nestjs/typeorm';",
      "@Module({ imports: [TypeOrmModule.forRoot({ type: 'postgres', url: 'postgres://127.0.0.1:1/none', migrations: ['src/migrations/*.ts'] })] })",
      'export class AppModule {}',
    );
    history.migration('Second', 2);
    history.commit();
    history.branch('feature');
    history.migration('First', 1);

    const { code, stdout } = await command.run(history.folder, '--module', 'src/app.module.ts', '-b', 'main');

    expect([code, stdout]).toEqual([1, expect.stringContaining(`late  ${nameOf('First', 1)}`)]);
  });
});

describe('a DataSource', TIMEOUT, () => {
  it('is not connected, whatever its file does', async () => {
    history.write(
      'src/data-source.ts',
      ...dataSourceOf(GLOB),
      'export const ready = dataSource.initialize().then(async () => {',
      '  await dataSource.runMigrations();',
      "  await dataSource.query('CREATE TABLE written (id int)');",
      '});',
    );
    history.migration('Second', 2);
    history.commit();
    history.branch('feature');
    history.migration('First', 1);

    expect(await command.findings(history)).toEqual([`late ${nameOf('First', 1)}`]);
    expect(() => history.read('app.sqlite')).toThrow('ENOENT');
  });
});

describe('it cannot tell', TIMEOUT, () => {
  const fault = () => command.fault(history.folder, ...DEFAULT);

  beforeEach(() => {
    history.write('src/data-source.ts', ...dataSourceOf(GLOB));
    history.migration('First', 1);
  });

  it.each([
    ['throws', "throw new Error('no secret of mine');", 'could not be loaded. Error: no secret of mine.'],
    [
      'ends the process',
      'process.exit(0);',
      'A loaded file ended the process before the migrations could be read.',
    ],
    ['waits for ever', 'await new Promise(() => {});', 'could not be loaded.'],
  ])('if a file %s here', async (_what, line, message) => {
    history.commit();
    history.branch('feature');
    history.change('src/data-source.ts', (text) => `${line}\n${text}`);

    expect(await fault()).toContain(message);
  });

  it('if a file throws in the base', async () => {
    history.change('src/data-source.ts', (text) => `throw new Error('not yet');\n${text}`);
    history.commit();
    history.branch('feature');
    history.write('src/data-source.ts', ...dataSourceOf(GLOB));

    const message = await fault();

    expect(message).toMatch(
      /^The migrations of main \(\w{7}\) are not known: src\/data-source\.ts could not be loaded\. Error: not yet\./,
    );
  });

  it('if a migration cannot be loaded', async () => {
    history.commit();
    history.branch('feature');
    history.write('src/migrations/broken.ts', "import './missing';");

    expect(await fault()).toContain('the files of its migrations could not be loaded.');
  });

  it('if a class among the migrations has no timestamp', async () => {
    history.commit();
    history.branch('feature');
    history.write('src/migrations/helper.ts', 'export class Helper { up() {} down() {} }');

    expect(await fault()).toContain('The migration "Helper" does not end with a timestamp.');
  });

  it('without a parser', async () => {
    history.write('migrations/1.js', `module.exports = class ${nameOf('One', 1)} { up() {} down() {} };`);
    history.write(
      'data-source.js',
      "const { DataSource } = require('typeorm');",
      "module.exports = new DataSource({ type: 'better-sqlite3', database: 'a', migrations: ['migrations/*.js'] });",
    );
    history.commit();
    history.branch('feature');
    history.change('migrations/1.js', (text) => text.replace('up() {}', 'up() { return 1; }'));
    history.replacePackage('typescript', 'module.exports = { version: "7.0.0" };');

    expect(await command.fault(history.folder, '-d', 'data-source.js', '-b', 'main')).toContain(
      'npm install --save-dev typescript@6',
    );
  });
});

describe('a class in the file of the DataSource', TIMEOUT, () => {
  it('is found', async () => {
    history.migration('First', 1);
    history.write('src/data-source.ts', ...dataSourceOf('[]'));
    history.commit();
    history.branch('feature');
    history.write(
      'src/data-source.ts',
      ...dataSourceOf('[One]', ...classOf('Inline', 3).slice(1), 'const One = Inline1767398400000;'),
    );

    expect(await command.findings(history)).toEqual([]);
  });
});
