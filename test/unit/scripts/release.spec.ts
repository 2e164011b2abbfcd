import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPT = join(__dirname, '../../../scripts/release.mjs');

const MANIFEST = { name: 'orders', version: '0.9.0', repository: 'github:example/orders' };

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

it('is refused without a repository, which provenance needs', () => {
  write('package.json', JSON.stringify({ ...MANIFEST, repository: undefined }));
  git('commit', '--quiet', '--all', '--message', 'chore: no repository');
  const { status, stderr } = release('1.0.0');
  expect([status, stderr]).toEqual([1, expect.stringContaining('package.json has no repository')]);
});

function failGate(): void {
  write('.ci/run', 'echo exit 3; exit 3\n');
  git('commit', '--quiet', '--all', '--message', 'test: a gate that fails');
}
