// Adds a dependency to the text of a package.json.

const KINDS = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'];

/** Whether a package.json names one of these packages. */
function hasDependency(manifest, names) {
  return KINDS.some((kind) => names.some((name) => Object.hasOwn(manifest[kind] ?? {}, name)));
}

/**
 * Adds a dependency. Keeps indentation, line ends and the end of the file, and sorts the dependencies as
 * package managers do.
 */
function addDependency(text, name, range) {
  const manifest = JSON.parse(text);
  const dependencies = { ...manifest.dependencies, [name]: range };
  const sorted = Object.entries(dependencies).sort(([a], [b]) => (a < b ? -1 : 1));
  const result = { ...manifest, dependencies: Object.fromEntries(sorted) };
  const indent = /^\s*\{\r?\n([^\S\r\n]+)"/.exec(text)?.[1] ?? '  ';
  const [eol] = /\r?\n/.exec(text) ?? ['\n'];
  const [end] = /\s*$/.exec(text);
  return JSON.stringify(result, null, indent).replaceAll('\n', eol) + end;
}

module.exports = { addDependency, hasDependency };
