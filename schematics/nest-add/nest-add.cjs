// `nest add nestjs-prometheus-migrations`. Nest's command line installs the package and calls this with a
// Tree. It has no dependency: Nest's command line brings @angular-devkit/schematics, with the Tree and the
// context.
const { is, isWord } = require('./imports.cjs');
const { addDependency, hasDependency } = require('./manifest.cjs');
const { addModule, ELEMENT, MODULE, PACKAGE } = require('./module-file.cjs');
const { findRootModule, readText } = require('./root-module.cjs');
const { NotUnderstood, tokenize } = require('./tokens.cjs');

const CLIENT = { name: 'prom-client', range: '^15.1.0' };
const CLIENTS = [CLIENT.name, '@prometheus-io/client'];
const TYPEORM = ['typeorm', '@nestjs/typeorm'];
const MANIFEST = 'package.json';

const BY_HAND = `Add these two lines to the root module:

  import { ${MODULE} } from '${PACKAGE}';

  imports: [
    ${ELEMENT},
`;

/** Whether code, and not only a comment, contains `PrometheusMigrationsModule.…`. */
function callsModule(text) {
  if (!text?.includes(MODULE)) return false;
  try {
    const { tokens } = tokenize(text);
    return tokens.some((token, at) => isWord(token, MODULE) && is(tokens[at + 1], '.'));
  } catch {
    return text.includes(`${MODULE}.`);
  }
}

/**
 * Finds a file under the source root that already has the module, such as one that the root module imports.
 */
function placeOfModule(tree, sourceRoot) {
  let found;
  tree.getDir(sourceRoot).visit((path) => {
    if (!/\.[cm]?ts$/.test(path) || /\.(spec|test|e2e-spec|d)\.[cm]?ts$|\/node_modules\//.test(path)) return;
    if (found === undefined && callsModule(readText(tree, path))) found = path.replace(/^\//, '');
  });
  return found;
}

/** Reads a file. It must be UTF-8: writing would damage any other encoding. */
function textOf(tree, path) {
  const content = tree.read(path);
  const text = content.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(content)) throw new NotUnderstood('it is not UTF-8');
  return text;
}

function editRootModule(tree, options, logger) {
  const { path, className, sourceRoot } = findRootModule(tree, options);
  const place = placeOfModule(tree, sourceRoot);
  if (place !== undefined) return logger.info(`${place} has ${MODULE} already. Nothing to add.`);
  if (path === undefined) return logger.warn(`There is no root module under ${sourceRoot}. ${BY_HAND}`);
  try {
    tree.overwrite(path, addModule(textOf(tree, path), className));
    logger.info(`${path} imports ${ELEMENT}.`);
    logger.info('Start the application, then: curl -s localhost:3000/metrics | grep typeorm_migrations');
  } catch (error) {
    if (!(error instanceof NotUnderstood)) throw error;
    logger.warn(`${path} was left as it is: ${error.message}. ${BY_HAND}`);
  }
}

function manifestIn(tree) {
  try {
    return JSON.parse(readText(tree, MANIFEST));
  } catch {
    return undefined;
  }
}

function addClient(tree, { skipInstall }, context) {
  const { logger } = context;
  const manifest = manifestIn(tree);
  if (manifest === undefined)
    return logger.warn(`There is no ${MANIFEST} here. Install ${CLIENT.name} where the application is.`);
  if (!hasDependency(manifest, TYPEORM))
    logger.warn(`${MANIFEST} has no @nestjs/typeorm. The module exports the DataSources of TypeORM.`);
  if (hasDependency(manifest, CLIENTS)) return;
  tree.overwrite(MANIFEST, addDependency(readText(tree, MANIFEST), CLIENT.name, CLIENT.range));
  logger.info(`${MANIFEST} has ${CLIENT.name} now.`);
  if (skipInstall) return logger.info('Nothing was installed. Run your package manager.');
  // The options of NodePackageInstallTask of @angular-devkit/schematics. The lock file decides the package
  // manager.
  const install = { command: 'install', quiet: true, hideOutput: true, allowScripts: false };
  context.addTask({ toConfiguration: () => ({ name: 'node-package', options: install }) });
}

/** The factory in collection.json. */
function nestAdd(options = {}) {
  return (tree, context) => {
    editRootModule(tree, options, context.logger);
    addClient(tree, options, context);
    return tree;
  };
}

module.exports = { nestAdd };
