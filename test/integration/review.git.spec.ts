import { mkdtempSync, readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataSourceOf, fileOf, GLOB, History, nameOf } from '../support/history';
import { ReviewCommand } from '../support/review';

const TIMEOUT = { timeout: 60_000 };

const command = new ReviewCommand();
let history: History;
const others: History[] = [];

beforeEach(() => {
  history = History.start();
  history.branch('feature');
  history.migration('Second', 2);
  history.commit();
  history.switch('main');
  history.migration('Third', 3);
  history.commit();
  history.switch('feature');
});
afterEach(() => {
  for (const each of [history, ...others.splice(0)]) each.remove();
});

const LATE = [`late ${nameOf('Second', 2)}`];

function folder(): string {
  return mkdtempSync(join(tmpdir(), 'history-'));
}

function other(path: string): History {
  const found = History.in(path);
  others.push(found);
  return found;
}

describe('a repository', TIMEOUT, () => {
  it('may have no remote, and any ref as base', async () => {
    history.git('tag', 'v1', 'main');

    for (const base of ['v1', 'refs/heads/main', history.git('rev-parse', 'main')]) {
      const { stdout } = await command.run(history.folder, '-d', 'src/data-source.ts', '--base', base);
      expect(stdout, base).toContain(LATE[0]?.replace(' ', '  '));
    }
  });

  it('may be a worktree', async () => {
    const path = folder();
    history.git('worktree', 'add', '--quiet', '--force', '--detach', path, 'feature');

    expect(await command.findings(other(path))).toEqual(LATE);
  });

  it('may have a detached HEAD, as the merge commit that GitHub checks out', async () => {
    history.git('switch', '--quiet', '--detach', 'main');
    history.merge('feature');

    expect(await command.findings(history)).toEqual(LATE);
  });

  it('may be in the middle of a merge', async () => {
    history.merge('main', '--no-commit', '--no-ff');

    expect(await command.findings(history)).toEqual(LATE);
  });

  it('may have its project in a folder', async () => {
    const path = folder();
    const monorepo = other(path);
    monorepo.git('init', '--quiet', '--initial-branch', 'main');
    monorepo.write('.gitignore', 'node_modules');
    monorepo.write('apps/orders/src/data-source.ts', ...dataSourceOf("['src/migrations/*.ts']"));
    monorepo.migration('First', 1, 'apps/orders/src/migrations');
    monorepo.commit();
    monorepo.branch('feature');
    const file = monorepo.migration('Zero', 0, 'apps/orders/src/migrations');

    const { stdout } = await command.run(
      join(path, 'apps/orders'),
      ...['-d', 'src/data-source.ts', '-b', 'main', '--format', 'github'],
    );

    expect(stdout).toContain(`::error file=${file},line=3,`);
  });

  it('may have the migrations in a submodule', async () => {
    const submodule = other(folder());
    submodule.git('init', '--quiet', '--initial-branch', 'main');
    submodule.write('.gitignore', 'node_modules');
    submodule.migration('First', 1, '.');
    submodule.commit();
    const project = History.empty();
    others.push(project);
    project.write('src/data-source.ts', ...dataSourceOf(GLOB));
    project.git(
      '-c',
      'protocol.file.allow=always',
      'submodule',
      '--quiet',
      'add',
      submodule.folder,
      'src/migrations',
    );
    project.commit();
    project.branch('feature');
    project.migration('Zero', 0);
    project.change(fileOf('First', 1), (text) => text.replace('NOT NULL', ''));

    expect(await command.findings(project)).toEqual([
      `late ${nameOf('Zero', 0)}`,
      `edited ${nameOf('First', 1)}`,
    ]);
  });

  it('may be a submodule', async () => {
    const project = History.empty();
    others.push(project);
    project.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', history.folder, 'orders');
    const path = project.path('orders');
    const submodule = other(path);
    submodule.git('fetch', '--quiet', 'origin', 'main:main');

    expect(await command.findings(submodule)).toEqual(LATE);
  });

  it('is left as it is', async () => {
    history.migration('Fourth', 4);
    history.git('add', '--all');
    history.migration('Fifth', 5);
    history.git('config', 'core.fsmonitor', 'touch fsmonitor-ran');
    history.git('config', 'diff.external', 'touch diff-ran');
    const state = () => snapshotOf(history.folder);
    const before = state();

    await command.findings(history);

    expect(state()).toEqual(before);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('migrations-review-'))).toEqual([]);
  });

  it('may have several merge bases', async () => {
    history.merge('main');
    history.switch('main');
    history.merge('feature~1');
    history.migration('Fourth', 4);
    history.commit();
    history.switch('feature');
    expect(history.git('merge-base', '--all', 'main', 'feature').split('\n')).toHaveLength(2);
    expect(await command.findings(history)).toEqual([]);

    history.delete(fileOf('Second', 2));
    history.change(fileOf('Third', 3), (text) => text.replace('CREATE', 'CREATE  '));
    expect(await command.findings(history)).toEqual([
      `edited ${nameOf('Third', 3)}`,
      `removed ${nameOf('Second', 2)}`,
    ]);
    history.delete(fileOf('Third', 3));
    expect(await command.findings(history)).toEqual([
      `removed ${nameOf('Second', 2)}`,
      `removed ${nameOf('Third', 3)}`,
    ]);
  });

  it('may have a sparse checkout with all of the migrations', async () => {
    history.write('lib/other.ts', 'export {};');
    history.commit();
    history.git('sparse-checkout', 'set', '--no-cone', '/*', '!/lib/');

    expect(await command.findings(history)).toEqual(LATE);
  });

  it('is found from its folder, not from the variables of a hook', async () => {
    process.env['GIT_DIR'] = '/nowhere';
    process.env['GIT_INDEX_FILE'] = '/nowhere/index';
    try {
      const findings = await command.findings(history);
      expect(findings).toEqual(LATE);
    } finally {
      delete process.env['GIT_DIR'];
      delete process.env['GIT_INDEX_FILE'];
    }
  });
});

/** Every file but those that are installed, with size and time. */
function snapshotOf(path: string): string[] {
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter(
    (name) => !name.includes('node_modules'),
  );
  return names.sort().map((name) => {
    const { size, mtimeMs } = statSync(join(path, name));
    return `${name} ${size} ${mtimeMs}`;
  });
}

describe('it cannot tell', TIMEOUT, () => {
  const fault = (base: string, path = history.folder) =>
    command.fault(path, '-d', 'src/data-source.ts', '--base', base);

  it.each([
    ['origin/main', '--base is "origin/main", which is not in this clone. Fetch it: git fetch origin main.'],
    ['mian', '--base is "mian", which is not in this clone.'],
  ])('for the ref %s', async (ref, message) => {
    expect(await fault(ref)).toContain(message);
  });

  it('for a branch and a tag of one name, unless both are one commit', async () => {
    history.git('tag', 'main', 'main');
    expect(await command.findings(history)).toEqual(LATE);

    history.git('tag', '--force', 'main', 'main~1');
    expect(await fault('main')).toBe(
      '--base is "main", which is refs/tags/main and refs/heads/main. Name one of them in full.',
    );
    const full = ['-d', 'src/data-source.ts', '--base', 'refs/heads/main'];
    expect(await command.run(history.folder, ...full)).toMatchObject({ code: 1 });
  });

  it('if a sparse checkout leaves out migrations', async () => {
    history.git('sparse-checkout', 'set', '--no-cone', '/*', `!/${fileOf('First', 1)}`);

    expect(await fault('main')).toBe(
      `The sparse checkout leaves out ${fileOf('First', 1)}, which is in a folder of migrations. Add it: git sparse-checkout add src/migrations.`,
    );
  });

  it('in a partial clone without the files of the base', async () => {
    history.change(fileOf('First', 1), (text) => text.replace('CREATE', 'CREATE  '));
    history.commit();
    history.git('config', 'uploadpack.allowFilter', 'true');
    const path = join(folder(), 'clone');
    const filter = ['--filter=blob:none', '--branch', 'feature'];
    history.git('clone', '--quiet', ...filter, `file://${history.folder}`, path);

    expect(await fault('origin/main', other(path).folder)).toMatch(
      / of the base is not in this clone, which is a partial clone\. Clone without --filter/,
    );
  });

  it('for a repository of another user, and names its root', async () => {
    process.env['GIT_TEST_ASSUME_DIFFERENT_OWNER'] = '1';
    try {
      expect(await fault('main')).toMatch(new RegExp(`safe\\.directory ${history.folder}$`));
    } finally {
      delete process.env['GIT_TEST_ASSUME_DIFFERENT_OWNER'];
    }
  });

  it('for a ref that git would take for a flag', async () => {
    const args = ['-d', 'src/data-source.ts', '--base=--output=x'];
    expect(await command.fault(history.folder, ...args)).toContain(
      '--base is "--output=x", which is not a ref.',
    );
  });

  it('without a base', async () => {
    expect(await command.fault(history.folder, '-d', 'src/data-source.ts')).toContain('--base origin/main');
  });

  it('in a shallow clone without the base', async () => {
    const clone = other(folder());
    history.git(
      'clone',
      '--quiet',
      '--depth',
      '1',
      '--branch',
      'feature',
      `file://${history.folder}`,
      join(clone.folder, 'clone'),
    );
    const shallow = other(join(clone.folder, 'clone'));

    expect(await fault('origin/main', shallow.folder)).toMatch(
      /^origin\/main is not in this clone\. .*fetch-depth: 0/,
    );
    shallow.git('fetch', '--quiet', '--depth', '1', 'origin', 'main:main');
    expect(await fault('main', shallow.folder)).toMatch(
      /does not reach back to the merge base with main\. .*fetch-depth: 0/,
    );
  });

  it('in a folder without a repository', async () => {
    const path = folder();
    const plain = other(path);
    plain.write('src/data-source.ts', ...dataSourceOf(GLOB));

    expect(await fault('main', plain.folder)).toMatch(/is in no git repository with a working tree/);
  });

  it('before the first commit', async () => {
    const empty = History.empty();
    others.push(empty);
    empty.git('fetch', '--quiet', history.folder, 'main:base');

    expect(await fault('base', empty.folder)).toContain('has no commit yet');
  });

  it('with nothing in common', async () => {
    history.git('switch', '--quiet', '--orphan', 'alone');
    history.write('src/data-source.ts', ...dataSourceOf(GLOB));
    history.commit();

    expect(await fault('main')).toBe(
      'HEAD and main have no commit in common. Name the branch that this one is merged into.',
    );
  });

  it('for migrations that git ignores', async () => {
    history.write('src/data-source.ts', ...dataSourceOf("[join(__dirname, '../dist/*.js')]"));
    history.write(
      'dist/first.js',
      'exports.First1767225600000 = class First1767225600000 { up() {} down() {} };',
    );

    expect(await fault('main')).toMatch(/^git ignores dist\/first\.js, /);
  });

  it('for a file that the base does not have', async () => {
    history.git('mv', 'src/data-source.ts', 'src/other.ts');

    expect(await command.fault(history.folder, '-d', 'src/other.ts', '-b', 'main')).toMatch(
      /^main \(\w{7}\) has no src\/other\.ts: there is nothing to compare with\./,
    );
  });
});
