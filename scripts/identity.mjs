// npm run identity -- https://github.com/acme/migrations "Ada Lovelace <ada@example.com>"
// Sets all fields of package.json about its owner. `npm run release` requires them.
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** The repository's address in a browser: `https://host/owner/name`. */
const ADDRESS = /^https:\/\/[\w.-]+(\/[\w.-]+){2,}$/;
const USAGE = 'Usage: npm run identity -- https://github.com/<owner>/<name> "<your name> <<your address>>"';

/** The fields of package.json that follow from the repository's address and the author. */
export function identity(address, author) {
  return {
    homepage: `${address}#readme`,
    bugs: { url: `${address}/issues` },
    author,
    repository: { type: 'git', url: `git+${address}.git` },
  };
}

/** Lists the fields of a package.json that are missing or belong to another repository. */
export function missingIdentity(manifest) {
  const { url } = manifest.repository ?? {};
  const address = /^git\+(https:.+)\.git$/.exec(url ?? '')?.[1];
  const wanted = identity(address, manifest.author);
  return Object.keys(wanted).filter((field) => {
    if (manifest[field] === undefined) return true;
    return address === undefined
      ? field === 'repository'
      : JSON.stringify(manifest[field]) !== JSON.stringify(wanted[field]);
  });
}

function main([address, author, ...rest]) {
  const trimmed = address?.replace(/(\.git)?\/?$/, '') ?? '';
  if (!ADDRESS.test(trimmed) || !author?.trim() || rest.length > 0) {
    console.error(USAGE);
    process.exitCode = 1;
    return;
  }
  const { name, version, description, keywords, ...manifest } = JSON.parse(
    readFileSync('package.json', 'utf8'),
  );
  // Put the fields near the top and replace the old values.
  const result = { name, version, description, keywords, ...identity(trimmed, author), ...manifest };
  writeFileSync('package.json', `${JSON.stringify({ ...result, ...identity(trimmed, author) }, null, 2)}\n`);
  console.log('package.json has homepage, bugs, author and repository. Commit it.');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv.slice(2));
