// Finds the root module of an application: the argument of NestFactory in main.ts, or else app.module.ts.
const { posix } = require('node:path');
const { importsIn, is, isWord } = require('./imports.cjs');
const { NotUnderstood, tokenize } = require('./tokens.cjs');

const CONFIGURATIONS = ['nest-cli.json', '.nest-cli.json', '.nestcli.json', 'nest.json'];
const CREATES = /^(create|createMicroservice|createApplicationContext)$/;

const readText = (tree, path) => tree.read(path)?.toString('utf8');

function configurationIn(tree) {
  const path = CONFIGURATIONS.find((each) => tree.exists(each));
  try {
    return path === undefined ? {} : JSON.parse(readText(tree, path));
  } catch {
    return {};
  }
}

/** Returns the folder of the application's sources, and the name of its first file. */
function placesOf(tree, { sourceRoot, project }) {
  const { projects = {}, ...configuration } = configurationIn(tree);
  const root = sourceRoot ?? projects[project]?.sourceRoot ?? configuration.sourceRoot ?? 'src';
  const own = Object.values(projects).find((each) => each?.sourceRoot === root);
  const entryFile = own?.entryFile ?? configuration.entryFile ?? 'main';
  return { sourceRoot: root, main: posix.join(root, `${entryFile}.ts`) };
}

/** Returns the name passed to NestFactory, if it is always the same. */
function createdIn(tokens) {
  const names = new Set();
  for (const [index, token] of tokens.entries()) {
    if (!isWord(token, 'NestFactory') || !is(tokens[index + 1], '.')) continue;
    if (!isWord(tokens[index + 2]) || !CREATES.test(tokens[index + 2].text)) continue;
    let at = index + 3;
    // Skip type arguments.
    while (at < tokens.length && !is(tokens[at], '(')) at += 1;
    const argument = tokens[at + 1];
    const isName = isWord(argument) && (is(tokens[at + 2], ',') || is(tokens[at + 2], ')'));
    names.add(isName ? argument.text : undefined);
  }
  return names.size === 1 ? [...names][0] : undefined;
}

/** Resolves the file of an import. */
function fileOf(tree, importer, specifier) {
  const isRelative = specifier.startsWith('.');
  const path = isRelative ? posix.join(posix.dirname(importer), specifier) : specifier;
  const stem = path.replace(/\.([cm]?)[jt]s$/, '');
  return [`${stem}.ts`, `${stem}.mts`, `${stem}.cts`, `${path}.ts`, posix.join(path, 'index.ts')].find(
    (each) => tree.exists(each),
  );
}

function moduleOfMain(tree, main) {
  const text = readText(tree, main);
  if (text === undefined) return undefined;
  try {
    const { tokens } = tokenize(text);
    const created = createdIn(tokens);
    for (const { names, from } of importsIn(tokens)) {
      const name = names.find(({ local }) => local === created);
      if (name === undefined || from === undefined) continue;
      const path = fileOf(tree, main, from);
      const className = name.imported === 'default' ? undefined : name.imported;
      return path === undefined ? undefined : { path, className };
    }
  } catch (error) {
    if (!(error instanceof NotUnderstood)) throw error;
  }
  return undefined;
}

/** Returns the path of the root module and the name of its class, if known. */
function findRootModule(tree, options) {
  const { sourceRoot, main } = placesOf(tree, options);
  const path = posix.join(sourceRoot, 'app.module.ts');
  return {
    sourceRoot,
    ...(moduleOfMain(tree, main) ?? (tree.exists(path) ? { path, className: 'AppModule' } : {})),
  };
}

module.exports = { findRootModule, readText };
