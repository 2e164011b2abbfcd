// npm run release -- 1.0.0: checks everything, sets the version, commits and tags. The tag starts the release
// workflow, which publishes. So npm gets a package that is built from the tag, with provenance.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { missingIdentity } from './identity.mjs';

const SEMVER = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

function git(...args) {
  return execFileSync('git', args, { encoding: 'utf8' }).trim();
}

function fail(problem) {
  console.error(problem);
  process.exit(1);
}

/** Whether version `a` comes after `b`; a pre-release comes before its release. */
function isAfter(a, b) {
  const [numbersA, numbersB] = [a, b].map((version) => version.split('-')[0].split('.').map(Number));
  const index = numbersA.findIndex((number, position) => number !== numbersB[position]);
  if (index !== -1) return numbersA[index] > numbersB[index];
  return b.includes('-') && (!a.includes('-') || a > b);
}

function dated(changelog, version, today) {
  const heading = `## [${version}] - unreleased`;
  if (!changelog.includes(heading)) {
    fail(`CHANGELOG.md has no heading "${heading}". Write what the release brings under it.`);
  }
  return changelog.replace(heading, `## [${version}] - ${today}`);
}

const [version, ...rest] = process.argv.slice(2);
if (version === undefined || rest.length > 0 || !SEMVER.test(version)) {
  fail('Usage: npm run release -- <version>, as in 1.0.0');
}
const tag = `v${version}`;
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const current = manifest.version;
const missing = missingIdentity(manifest);
if (missing.length > 0) {
  fail(
    `package.json lacks ${missing.join(', ')}. npm shows them and compares the repository with the provenance. Set them with:\n` +
      '  npm run identity -- https://github.com/<owner>/<name> "<your name>"',
  );
}
if (!isAfter(version, current))
  fail(`${version} does not come after ${current}, the version in package.json.`);
if (git('status', '--porcelain') !== '') fail('There are uncommitted changes. Commit or stash them.');
if (git('tag', '--list', tag) !== '') fail(`The tag ${tag} exists. Choose another version.`);
const today = new Date().toISOString().slice(0, 10);
const changelog = dated(readFileSync('CHANGELOG.md', 'utf8'), version, today);

// This also packs the package and installs it into every consumer.
execFileSync('bash', ['.ci/run'], { stdio: 'inherit', env: { ...process.env, CI: 'true' } });
if (git('status', '--porcelain') !== '') fail('.ci/run has changed files. Commit them first.');

writeFileSync('CHANGELOG.md', changelog);
execFileSync('npm', ['version', version, '--no-git-tag-version', '--ignore-scripts'], { stdio: 'inherit' });
const changed = ['CHANGELOG.md', 'package.json', 'package-lock.json'].filter((file) => existsSync(file));
git('add', ...changed);
git('commit', '--message', `chore: release ${version}`);
git('tag', '--annotate', tag, '--message', version);
console.log(`Tagged ${tag}. To publish: git push --follow-tags`);
