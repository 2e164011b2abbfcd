import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pages, PROJECT } from '../../support/documents';

const SCRIPT = join(__dirname, '../../../scripts/release.mjs');

const IDENTITY = join(__dirname, '../../../scripts/identity.mjs');

const OWNED = {
  homepage: 'https://github.com/example/orders#readme',
  bugs: { url: 'https://github.com/example/orders/issues' },
  author: 'Ada',
  repository: { type: 'git', url: 'git+https://github.com/example/orders.git' },
};
const MANIFEST = { name: 'orders', version: '0.9.0', ...OWNED };

let repository: string;
const git = (...args: string[]) => execFileSync('git', args, { cwd: repository, encoding: 'utf8' }).trim();
const write = (file: string, text: string) => writeFileSync(join(repository, file), text);
const read = (file: string) => readFileSync(join(repository, file), 'utf8');
const release = (...args: string[]) =>
  spawnSync(process.execPath, [SCRIPT, ...args], { cwd: repository, encoding: 'utf8' });

beforeEach(() => {
  repository = mkdtempSync(join(tmpdir(), 'release-'));
  mkdirSync(join(repository, '.ci'));
  write('.ci/run', 'echo the gate ran with CI=$CI\n');
  write('package.json', JSON.stringify(MANIFEST));
  write('CHANGELOG.md', '# Changelog\n\n## [1.0.0] - unreleased\n\n- Everything.\n');
  git('init', '--quiet');
  git('config', 'user.name', 'Test');
  git('config', 'user.email', 'test@example.com');
  git('add', '.');
  git('commit', '--quiet', '--message', 'feat: everything');
});
afterEach(() => rmSync(repository, { recursive: true, force: true }));

describe('npm run release', () => {
  it('passes the gate, sets the version and the date, commits and tags', () => {
    const { status, stdout } = release('1.0.0');
    expect(status).toBe(0);
    expect(stdout).toContain('the gate ran with CI=true');
    expect(JSON.parse(read('package.json'))).toMatchObject({ version: '1.0.0' });
    expect(read('CHANGELOG.md')).toMatch(/^## \[1\.0\.0\] - \d{4}-\d\d-\d\d$/m);
    expect(git('log', '-1', '--format=%s %D')).toMatch(/^chore: release 1\.0\.0 HEAD -> \w+, tag: v1\.0\.0$/);
    expect(git('status', '--porcelain')).toBe('');
  });

  it.each([
    ['no version', [], () => undefined, 'Usage:'],
    ['a version that is none', ['v1'], () => undefined, 'Usage:'],
    ['an older version', ['0.8.9'], () => undefined, 'does not come after 0.9.0'],
    ['uncommitted changes', ['1.0.0'], () => write('CHANGELOG.md', ''), 'uncommitted changes'],
    ['a tag that exists', ['1.0.0'], () => git('tag', 'v1.0.0'), 'The tag v1.0.0 exists'],
    ['a changelog without the version', ['1.1.0'], () => undefined, 'no heading "## [1.1.0] - unreleased"'],
    ['a gate that fails', ['1.0.0'], () => failGate(), 'exit 3'],
  ])('refuses %s, and changes nothing', (_, args, arrange, message) => {
    arrange();
    const before = git('rev-parse', 'HEAD');
    const { status, stderr, stdout } = release(...args);
    expect(status).not.toBe(0);
    expect(stderr + stdout).toContain(message);
    expect([git('rev-parse', 'HEAD'), JSON.parse(read('package.json'))]).toEqual([before, MANIFEST]);
  });
});

describe('what package.json says about its owner', () => {
  const identity = (...args: string[]) =>
    spawnSync(process.execPath, [IDENTITY, ...args], { cwd: repository, encoding: 'utf8' });
  const commit = (manifest: object) => {
    write('package.json', JSON.stringify(manifest));
    git('commit', '--quiet', '--all', '--allow-empty', '--message', 'chore: manifest');
  };

  it.each([
    [
      'everything',
      { homepage: undefined, bugs: undefined, author: undefined, repository: undefined },
      'homepage, bugs, author, repository',
    ],
    ['the author', { author: undefined }, 'author'],
    ['homepage and bugs', { homepage: undefined, bugs: undefined }, 'homepage, bugs'],
    ['issues of another repository', { bugs: { url: 'https://github.com/other/orders/issues' } }, 'bugs'],
    ['an address that npm would have to guess', { repository: 'github:example/orders' }, 'repository'],
  ])('is named by the release if it lacks %s', (_, change, missing) => {
    commit({ ...MANIFEST, ...change });
    const { status, stderr } = release('1.0.0');
    expect(status).toBe(1);
    expect(stderr).toContain(`package.json lacks ${missing}. npm shows them`);
    expect(stderr).toContain('npm run identity -- ');
  });

  it.each(['https://github.com/example/orders', 'https://github.com/example/orders.git'])(
    'is filled in at once from %s',
    (address) => {
      commit({ name: 'orders', version: '0.9.0', license: 'MIT', homepage: 'https://old.example.com' });
      expect(identity(address, 'Ada').status).toBe(0);
      expect(JSON.parse(read('package.json'))).toEqual({ ...MANIFEST, license: 'MIT' });
      commit(JSON.parse(read('package.json')) as object);
      expect(release('1.0.0').status).toBe(0);
    },
  );

  it.each([
    [],
    ['https://github.com/example/orders'],
    ['example/orders', 'Ada'],
    ['https://github.com/example', 'Ada'],
  ])('is left alone with the arguments %s %s', (...args) => {
    const { status, stderr } = identity(...args.filter((each) => each !== undefined));
    expect([status, stderr]).toEqual([1, expect.stringContaining('Usage: npm run identity')]);
    expect(JSON.parse(read('package.json'))).toEqual(MANIFEST);
  });
});

it('is promised by no page before it is filled in', () => {
  const { repository: own } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
    repository?: unknown;
  };
  const promised = pages().filter(({ text }) => /https?:\/\/[^\s)]*nestjs-prometheus-migrations/.test(text));
  expect(own === undefined ? promised.map(({ path }) => path) : []).toEqual([]);
});

function failGate(): void {
  write('.ci/run', 'echo exit 3; exit 3\n');
  git('commit', '--quiet', '--all', '--message', 'test: a gate that fails');
}
