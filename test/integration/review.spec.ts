import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { classOf, fileOf, History, nameOf, timestampOf } from '../support/history';
import { DEFAULT, ReviewCommand, told } from '../support/review';

const TIMEOUT = { timeout: 60_000 };

const command = new ReviewCommand();
let history: History;

beforeEach(() => {
  history = History.start();
});
afterEach(() => history.remove());

const FIRST = fileOf('First', 1);

describe('a branch with nothing wrong', TIMEOUT, () => {
  it('adds a migration that is newer than all of the base', async () => {
    history.branch('feature');
    history.migration('Second', 2);
    history.commit();

    const report = await command.report(history);

    expect(report).toMatchObject({
      ok: true,
      connections: [{ defined: 2, added: [nameOf('Second', 2)], findings: [] }],
    });
    expect(report.base).toEqual({
      ref: 'main',
      commit: history.git('rev-parse', 'main'),
      mergeBase: history.git('rev-parse', 'main'),
    });
  });

  it.each<[what: string, change: () => void]>([
    ['no change', () => {}],
    ['a renamed file', () => history.move(FIRST, 'src/migrations/create-first.ts')],
    [
      'a moved folder',
      () => {
        history.move('src/migrations', 'src/database/migrations');
        history.change('src/data-source.ts', (text) => text.replace("'migrations'", "'database/migrations'"));
      },
    ],
    ['line ends of Windows', () => history.change(FIRST, (text) => text.replaceAll('\n', '\r\n'))],
    [
      'another order of imports',
      () => history.change(FIRST, (text) => `import 'reflect-metadata';\n${text}`),
    ],
    ['a comment', () => history.change(FIRST, (text) => text.replace('await', '/* now */ await'))],
    [
      'a formatter: quotes, indents, semicolons, trailing commas',
      () =>
        history.change(FIRST, (text) =>
          text.replaceAll('    ', '  ').replaceAll("'", '"').replace('`);', '`,)').replace("'\n", "';\n"),
        ),
    ],
    [
      'other types',
      () => history.change(FIRST, (text) => text.replaceAll(': Promise<void>', '').replaceAll('public ', '')),
    ],
    ['SQL in quotes instead of a template', () => history.change(FIRST, (text) => text.replaceAll('`', "'"))],
  ])('takes %s for nothing', async (_what, change) => {
    history.branch('feature');
    change();

    expect(await command.findings(history)).toEqual([]);
  });

  it('is not told what the base did meanwhile', async () => {
    history.migration('Second', 2);
    history.commit();
    history.branch('feature');
    history.migration('Fourth', 4);
    history.commit();
    history.switch('main');
    history.change(FIRST, (text) => text.replace('CREATE', 'CREATE  '));
    history.delete(fileOf('Second', 2));
    history.migration('Third', 3);
    history.commit();
    history.switch('feature');

    expect(await command.findings(history)).toEqual([]);
  });
});

describe('late', TIMEOUT, () => {
  it('is older than what was merged meanwhile', async () => {
    history.branch('feature');
    const file = history.migration('Second', 2);
    history.commit();
    history.switch('main');
    history.migration('Third', 3);
    history.commit();
    history.switch('feature');

    const { ok, connections } = await command.report(history);

    expect(ok).toBe(false);
    expect(connections[0]?.findings).toEqual([
      {
        kind: 'late',
        migration: nameOf('Second', 2),
        file,
        line: 3,
        message: expect.stringContaining(`older than ${nameOf('Third', 3)} of main`) as string,
        fix: expect.stringMatching(/as in Second\d{13}\.$/) as string,
        fails: true,
        allowed: null,
      },
    ]);
  });

  it('names a timestamp that works', async () => {
    history.branch('feature');
    history.migration('Zero', 0);
    const [finding] = (await command.report(history)).connections[0]?.findings ?? [];
    const [, name = ''] = /as in (\w+)\./.exec(finding?.fix ?? '') ?? [];
    history.delete(fileOf('Zero', 0));
    history.write(
      'src/migrations/renamed.ts',
      ...classOf('Zero', 0).map((line) => line.replace(nameOf('Zero', 0), name)),
    );

    expect(await command.findings(history)).toEqual([]);
  });

  it.each(['staged', 'unstaged', 'untracked'])('counts what is %s', async (how) => {
    history.branch('feature');
    const file = history.migration('Zero', 0);
    if (how !== 'untracked') history.git('add', ...(how === 'staged' ? [] : ['--intent-to-add']), file);

    expect(await command.findings(history)).toEqual([`late ${nameOf('Zero', 0)}`]);
  });
});

describe('edited', TIMEOUT, () => {
  it.each<[what: string, change: (text: string) => string]>([
    ['SQL', (text) => text.replace('NOT NULL', '')],
    ['white space within SQL', (text) => text.replace('CREATE TABLE', 'CREATE  TABLE')],
    ['the down()', (text) => text.replace('DROP TABLE', 'DROP TABLE IF EXISTS')],
    [
      'another statement',
      (text) => text.replace('    }', "        await queryRunner.query('SELECT 1');\n    }"),
    ],
    ['a field', (text) => text.replace('    name', '    transaction = false\n    name')],
    ['a missing await', (text) => text.replace('await queryRunner', 'void queryRunner')],
  ])('is %s', async (_what, change) => {
    history.branch('feature');
    history.change(FIRST, change);

    expect(await command.findings(history)).toEqual([`edited ${nameOf('First', 1)}`]);
  });

  it('is what the class refers to in its file', async () => {
    const withConstant = (table: string) => [
      `const TABLE = '${table}';`,
      ...classOf('Second', 2).map((line) => line.replace('"Second"', '${TABLE}')),
    ];
    history.write(fileOf('Second', 2), ...withConstant('second'));
    history.commit();
    history.branch('feature');
    history.write(
      fileOf('Second', 2),
      'const UNUSED = 1;',
      ...withConstant('second'),
      'void UNUSED2; var UNUSED2;',
    );
    history.write(fileOf('Second', 2), 'const UNUSED = 1;', ...withConstant('second'));
    expect(await command.findings(history)).toEqual([]);

    history.write(fileOf('Second', 2), ...withConstant('other'));
    expect(await command.findings(history)).toEqual([`edited ${nameOf('Second', 2)}`]);
  });

  it('is found in a file that moved as well', async () => {
    history.branch('feature');
    history.change(FIRST, (text) => text.replace('NOT NULL', ''));
    history.move(FIRST, 'src/migrations/first.ts');

    const [finding] = (await command.report(history)).connections[0]?.findings ?? [];

    expect(finding).toMatchObject({ kind: 'edited', file: 'src/migrations/first.ts' });
    expect(finding?.fix).toContain(`:${FIRST})`);
  });

  it('is told of the one that changed, of several in a file', async () => {
    history.write('src/migrations/both.ts', ...classOf('Second', 2), ...classOf('Third', 3).slice(1));
    history.commit();
    history.branch('feature');
    history.change('src/migrations/both.ts', (text) =>
      text.replace('DROP TABLE "Third"', 'DROP TABLE "third"'),
    );

    expect(await command.findings(history)).toEqual([`edited ${nameOf('Third', 3)}`]);
  });

  it('is nothing if the base has the same change', async () => {
    history.branch('feature');
    history.switch('main');
    history.change(FIRST, (text) => text.replace('NOT NULL', ''));
    history.commit();
    history.switch('feature');
    history.change(FIRST, (text) => text.replace('NOT NULL', ''));

    expect(await command.findings(history)).toEqual([]);
  });
});

describe('removed', TIMEOUT, () => {
  beforeEach(() => {
    history.migration('Second', 2);
    history.commit();
    history.branch('feature');
  });

  it('is a deleted file', async () => {
    history.delete(fileOf('Second', 2));

    const [finding] = (await command.report(history)).connections[0]?.findings ?? [];

    expect(finding).toMatchObject({
      kind: 'removed',
      migration: nameOf('Second', 2),
      file: fileOf('Second', 2),
      line: null,
    });
  });

  it('is a class of another name, which is new', async () => {
    history.change(fileOf('Second', 2), (text) => text.replaceAll(nameOf('Second', 2), nameOf('Other', 0)));

    expect(await command.findings(history)).toEqual([
      `late ${nameOf('Other', 0)}`,
      `removed ${nameOf('Second', 2)}`,
    ]);
  });

  it('is a file that moved to where the DataSource does not look', async () => {
    history.move(fileOf('Second', 2), 'src/migrations/old/second.ts');

    const { connections } = await command.report(history);

    expect(told({ connections } as never)).toEqual([`removed ${nameOf('Second', 2)}`]);
    expect(connections[0]?.findings[0]?.message).toContain('does not load src/migrations/old/second.ts');
  });

  it('is the revert of a commit of the base', async () => {
    history.git('revert', '--no-edit', 'HEAD');

    expect(await command.findings(history)).toEqual([`removed ${nameOf('Second', 2)}`]);
  });
});

describe('clash', TIMEOUT, () => {
  it('has the timestamp of a migration of the base, which may be its newest', async () => {
    history.branch('feature');
    history.migration('Other', 1);

    expect(await command.findings(history)).toEqual([`clash ${nameOf('Other', 1)}`]);
  });

  it('is late as well if it is not the newest of the base', async () => {
    history.migration('Second', 2);
    history.commit();
    history.branch('feature');
    history.migration('Other', 1);

    expect(await command.findings(history)).toEqual([
      `late ${nameOf('Other', 1)}`,
      `clash ${nameOf('Other', 1)}`,
    ]);
  });

  it('is a copied file whose class kept its name', async () => {
    history.branch('feature');
    history.write(fileOf('Second', 2), ...classOf('First', 1));

    const [finding] = (await command.report(history)).connections[0]?.findings ?? [];

    expect(finding).toMatchObject({
      kind: 'clash',
      migration: nameOf('First', 1),
      file: fileOf('Second', 2),
    });
  });

  it('is what both branches added, in different files', async () => {
    history.branch('feature');
    history.migration('Second', 2);
    history.commit();
    history.switch('main');
    history.write('src/migrations/second.ts', ...classOf('Second', 2));
    history.commit();
    history.switch('feature');

    expect(await command.findings(history)).toEqual([`clash ${nameOf('Second', 2)}`]);
  });
});

describe('not-loaded', TIMEOUT, () => {
  beforeEach(() => history.branch('feature'));

  it.each([
    ['in a folder that the paths leave out', 'src/migrations/2026/second.ts', classOf('Second', 2)],
    ['with an ending that they leave out', 'src/migrations/second.mts', classOf('Second', 2)],
    [
      'whose class is not exported',
      'src/migrations/second.ts',
      classOf('Second', 2).map((line) => line.replace('export ', '')),
    ],
  ])('is a new file %s', async (_what, file, lines) => {
    history.write(file, ...lines);

    const [finding] = (await command.report(history)).connections[0]?.findings ?? [];

    expect(finding).toMatchObject({ kind: 'not-loaded', migration: nameOf('Second', 2), file, line: 3 });
  });

  it.each([
    ['a helper', 'src/migrations/helpers/sql.ts', ['export class Sql { up() {} }']],
    ['a type', 'src/migrations/2026/types.ts', ['export interface Second1767312000000 { up(): void }']],
    ['a migration in a folder of others', 'src/other/second.ts', classOf('Second', 2)],
  ])('is not %s', async (_what, file, lines) => {
    history.write(file, ...lines);

    expect(await command.findings(history)).toEqual([]);
  });
});

describe('no-down', TIMEOUT, () => {
  beforeEach(() => history.branch('feature'));

  it.each([
    ['empty', '{ /* later */ }'],
    ['one that only throws', "{ throw new Error('irreversible'); }"],
  ])('is a down() that is %s, and is told if it is asked for', async (_what, body) => {
    history.write(
      fileOf('Second', 2),
      `export class ${nameOf('Second', 2)} {`,
      '  async up(): Promise<void> {}',
      `  async down(): Promise<void> ${body}`,
      '}',
    );

    expect(await command.findings(history)).toEqual([]);
    expect(await command.findings(history, '--fail-on', 'no-down')).toEqual([
      `no-down ${nameOf('Second', 2)}`,
    ]);
  });
});

describe('--fail-on', TIMEOUT, () => {
  it('replaces what fails, and not what is told', async () => {
    history.branch('feature');
    history.migration('Zero', 0);

    const report = await command.report(history, '--fail-on', 'edited,removed');

    expect(report).toMatchObject({ ok: true, failOn: ['edited', 'removed'] });
    expect(report.connections[0]?.findings).toMatchObject([{ kind: 'late', fails: false }]);
  });
});

describe('an allowance', TIMEOUT, () => {
  beforeEach(() => history.branch('feature'));

  it('names a migration: --allow', async () => {
    history.delete(FIRST);

    const report = await command.report(history, '--allow', nameOf('First', 1));

    expect(report).toMatchObject({ ok: true, notes: [] });
    expect(report.connections[0]?.findings).toMatchObject([
      { kind: 'removed', fails: false, allowed: { by: 'flag' } },
    ]);
  });

  it.each([
    '// migration-review: allow edited because it ran nowhere',
    '/* migration-review: allow late, edited because it ran nowhere */',
  ])('is a comment with a reason: %s', async (comment) => {
    history.change(FIRST, (text) => `${comment}\n${text.replace('NOT NULL', '')}`);

    const report = await command.report(history);

    expect(report).toMatchObject({ ok: true, notes: [] });
    expect(report.connections[0]?.findings).toMatchObject([
      { kind: 'edited', fails: false, allowed: { by: 'comment', reason: 'it ran nowhere' } },
    ]);
  });

  it.each([
    [
      'without a reason',
      '// migration-review: allow edited',
      'allows nothing. Write: migration-review: allow edited because …',
    ],
    ['of what nobody finds', '// migration-review: allow editing because I can', 'allows nothing.'],
    [
      'of another kind',
      '// migration-review: allow late because I can',
      'allows late, but there is no such finding any more.',
    ],
  ])('%s allows nothing, and is told', async (_what, comment, note) => {
    history.change(FIRST, (text) => `${comment}\n${text.replace('NOT NULL', '')}`);

    const { ok, notes } = await command.report(history);

    expect(ok).toBe(false);
    expect(notes).toEqual([expect.stringContaining(`${FIRST}:1 ${note}`)]);
  });

  it('that nothing needs is told', async () => {
    const { ok, notes } = await command.report(history, '--allow', 'Gone1700000000000');

    expect(ok).toBe(true);
    expect(notes).toEqual([
      '--allow Gone1700000000000 is not needed: that migration has no finding. Remove it.',
    ]);
  });
});

describe('the report', TIMEOUT, () => {
  beforeEach(() => {
    history.branch('feature');
    history.migration('Zero', 0);
    history.delete(FIRST);
  });

  it('is a text for people, and exits with 1', async () => {
    const { code, stdout } = await command.run(history.folder, ...DEFAULT);

    expect(code).toBe(1);
    expect(stdout).toContain('\ndefault: failed. 1 migrations, 1 of them new.\n');
    expect(stdout).toContain(
      `\n  late  ${nameOf('Zero', 0)}\n    ${fileOf('Zero', 0)}:3\n    It is older than `,
    );
    expect(stdout).toContain(`\n  removed  ${nameOf('First', 1)}\n    ${FIRST}\n`);
  });

  it('annotates the lines of a pull request on GitHub', async () => {
    const { stdout } = await command.run(
      history.folder,
      ...DEFAULT,
      '--format',
      'github',
      '--fail-on',
      'late',
    );

    const lines = stdout.split('\n').filter((line) => line.startsWith('::'));
    expect(lines).toEqual([
      expect.stringMatching(
        new RegExp(
          `^::error file=${fileOf('Zero', 0)},line=3,title=late ${nameOf('Zero', 0)}::It is older than .*${timestampOf(1)}`,
        ),
      ),
      expect.stringMatching(new RegExp(`^::warning title=removed ${nameOf('First', 1)}::`)),
    ]);
  });
});
