// node scripts/release-notes.mjs 1.0.0: prints the section of CHANGELOG.md for a release.
import { readFileSync } from 'node:fs';

const [version] = process.argv.slice(2);
const sections = readFileSync('CHANGELOG.md', 'utf8').split(/^## /m);
const section = sections.find((text) => text.startsWith(`[${version}] `));
if (version === undefined || section === undefined) {
  console.error(`CHANGELOG.md has no section for ${version ?? 'no version'}.`);
  process.exitCode = 1;
} else {
  console.log(section.slice(section.indexOf('\n')).trim());
}
