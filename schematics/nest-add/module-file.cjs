// Adds PrometheusMigrationsModule.forRoot() to the file of a module. It edits the text, so formatting and
// comments stay.
const { importsIn, is, isWord } = require('./imports.cjs');
const { NotUnderstood, tokenize } = require('./tokens.cjs');

const PACKAGE = 'nestjs-prometheus-migrations';
const MODULE = 'PrometheusMigrationsModule';
const ELEMENT = `${MODULE}.forRoot()`;

/** Returns the name of the class after a decorator. Other decorators may be between them. */
function classAfter(tokens, index) {
  let at = index;
  while (is(tokens[at], '@')) {
    at += 2;
    while (is(tokens[at], '.')) at += 2;
    if (is(tokens[at], '(')) at = tokens[at].pair + 1;
  }
  while (isWord(tokens[at]) && /^(export|default|abstract)$/.test(tokens[at].text)) at += 1;
  return isWord(tokens[at], 'class') ? tokens[at + 1]?.text : undefined;
}

/** Finds the index of the parenthesis of the `@Module(` that decorates a class. */
function decoratorOf(tokens, imports, className) {
  const local = imports
    .filter(({ from }) => from === '@nestjs/common')
    .flatMap(({ names }) => names)
    .find(({ imported, isType }) => imported === 'Module' && !isType)?.local;
  if (local === undefined) throw new NotUnderstood('it does not import Module from @nestjs/common');
  const found = [...tokens.keys()]
    .filter((at) => is(tokens[at], '@') && tokens[at].depth === 0)
    .filter((at) => isWord(tokens[at + 1], local) && is(tokens[at + 2], '('))
    .map((at) => ({ open: at + 2, name: classAfter(tokens, tokens[at + 2].pair + 1) }));
  const named = found.filter(({ name }) => className !== undefined && name === className);
  const [decorator, second] = named.length > 0 ? named : found;
  if (decorator === undefined) throw new NotUnderstood('it has no class with @Module()');
  if (second !== undefined) throw new NotUnderstood('it has several classes with @Module()');
  return decorator.open;
}

/** Returns the index after the property or element that begins at `at`: that of a comma, or `end`. */
function afterValue(tokens, at, end) {
  while (at < end && !is(tokens[at], ',')) at = (tokens[at].pair ?? at) + 1;
  return at;
}

const isSpread = (tokens, at) => is(tokens[at], '.') && is(tokens[at + 1], '.') && is(tokens[at + 2], '.');

/** Finds the index of the bracket of `imports: [` in the argument of `@Module(`. */
function importsArray(tokens, parenthesis) {
  const open = parenthesis + 1;
  if (!is(tokens[open], '{')) throw new NotUnderstood('@Module() is not given an object literal');
  const end = tokens[open].pair;
  const after = is(tokens[end + 1], ',') ? end + 2 : end + 1;
  if (after !== tokens[parenthesis].pair) throw new NotUnderstood('@Module() is not given an object literal');
  let array;
  for (let at = open + 1; at < end; at = afterValue(tokens, at, end) + 1) {
    // A later property wins, and the properties of a spread are not known.
    if (array !== undefined && isSpread(tokens, at))
      throw new NotUnderstood('a spread follows the imports of @Module()');
    if (!/^(['"]?)imports\1$/.test(tokens[at].text) || !/word|string/.test(tokens[at].kind)) continue;
    if (array !== undefined) throw new NotUnderstood('@Module() has imports twice');
    array = at + 2;
    const isArray = is(tokens[at + 1], ':') && is(tokens[array], '[');
    if (!isArray || afterValue(tokens, array, end) !== tokens[array].pair + 1)
      throw new NotUnderstood('the imports of @Module() are not an array literal');
  }
  if (array === undefined) throw new NotUnderstood('@Module() has no imports');
  return array;
}

/** Returns the index of each element's first token. */
function elementsOf(tokens, open) {
  const end = tokens[open].pair;
  const starts = [];
  for (let at = open + 1; at < end; at = afterValue(tokens, at, end) + 1) {
    if (is(tokens[at], ',')) throw new NotUnderstood('the imports of @Module() have a hole');
    starts.push(at);
  }
  if (starts.length > 0 && starts.every((at) => isSpread(tokens, at)))
    throw new NotUnderstood('the imports of @Module() are only spread');
  return starts;
}

const lineStart = (text, at) => Math.max(text.lastIndexOf('\n', at - 1), text.lastIndexOf('\r', at - 1)) + 1;
const indentOf = (text, at) => /^[^\S\r\n]*/.exec(text.slice(lineStart(text, at)))[0];
const isFirstOnLine = (text, at) => text.slice(lineStart(text, at), at).trim() === '';
const hasLineBreak = (text, from, to) => /[\r\n]/.test(text.slice(from, to));

/** Returns the position after the comments on the same line. */
function afterComments({ text, comments }, position) {
  let at = position;
  for (;;) {
    const comment = comments.find(({ start, end }) => start >= at && end > at);
    if (comment === undefined || text.slice(at, comment.start).trim() !== '') return at;
    if (hasLineBreak(text, at, comment.start)) return at;
    at = comment.end;
  }
}

/** Returns the insertion into the array, and its position. */
function arrayInsertions(file, open, eol) {
  const { text, tokens } = file;
  const elements = elementsOf(tokens, open);
  const closing = tokens[tokens[open].pair];
  const inner = indentOf(text, closing.start) + (/^\t/m.test(text) ? '\t' : '  ');
  if (elements.length === 0) {
    const start = tokens[open].end;
    const isBroken = hasLineBreak(text, start, closing.start);
    return [{ at: start, insert: isBroken ? `${eol}${inner}${ELEMENT},` : ELEMENT }];
  }
  const lastToken = tokens[tokens[open].pair - 1];
  const comma = is(lastToken, ',') ? lastToken : undefined;
  const end = (comma === undefined ? lastToken : tokens[tokens[open].pair - 2]).end;
  if (!isFirstOnLine(text, closing.start)) return [{ at: end, insert: `, ${ELEMENT}` }];
  const first = elements.findLast((at) => isFirstOnLine(text, tokens[at].start));
  const indent = first === undefined ? inner : indentOf(text, tokens[first].start);
  const line = `${eol}${indent}${ELEMENT}`;
  if (comma !== undefined) return [{ at: afterComments(file, comma.end), insert: `${line},` }];
  const behind = afterComments(file, end);
  return behind === end
    ? [{ at: end, insert: `,${line}` }]
    : [
        { at: end, insert: ',' },
        { at: behind, insert: line },
      ];
}

function importInsertion(file, declaration, eol) {
  const { text, tokens } = file;
  const { quote, hasSemicolon, last } = declaration;
  const line = `import { ${MODULE} } from ${quote}${PACKAGE}${quote}${hasSemicolon ? ';' : ''}`;
  const end = tokens[last].end;
  const at = afterComments(file, end);
  const rest = text.slice(at, at + /^[^\S\r\n]*/.exec(text.slice(at))[0].length + 1);
  // A statement on the same line moves to a separate line.
  return rest.trim() === '' ? { at, insert: eol + line } : { at: end, insert: eol + line + eol };
}

/** Finds out how the file already uses the module. */
function usage(tokens, imports) {
  const own = imports.filter(({ from }) => from === PACKAGE).flatMap(({ names }) => names);
  const imported = own.find((name) => name.imported === MODULE);
  if (own.some((name) => name.imported === '*') || imported?.isType || (imported?.local ?? MODULE) !== MODULE)
    throw new NotUnderstood(`it imports ${MODULE} in another way`);
  const isInImport = (at) => imports.some(({ first, last }) => first <= at && at <= last);
  const isUsed = [...tokens.keys()].some((at) => isWord(tokens[at], MODULE) && !isInImport(at));
  if (isUsed && imported === undefined) throw new NotUnderstood(`it has another ${MODULE}`);
  return { isUsed, isImported: imported !== undefined };
}

function addToFile(text, className) {
  const { tokens, comments } = tokenize(text);
  const imports = importsIn(tokens);
  const { isUsed, isImported } = usage(tokens, imports);
  if (isUsed) return text;
  const array = importsArray(tokens, decoratorOf(tokens, imports, className));
  const file = { text, tokens, comments };
  const eol = /\r\n|\n|\r/.exec(text)?.[0] ?? '\n';
  const insertions = arrayInsertions(file, array, eol);
  // Copy the style of the last import.
  const named = imports.filter(({ quote }) => quote !== undefined).at(-1);
  const declaration = { ...named, last: imports.at(-1).last };
  if (!isImported) insertions.push(importInsertion(file, declaration, eol));
  return insertions
    .sort((a, b) => b.at - a.at)
    .reduce((result, { at, insert }) => result.slice(0, at) + insert + result.slice(at), text);
}

/**
 * Adds the import and the element to the text of a module's file. A file that already has both stays
 * unchanged.
 *
 * @param className Name of the module's class; needed only if the file has several
 * @throws NotUnderstood
 */
function addModule(text, className) {
  const added = addToFile(text, className);
  // The result must be recognized as complete.
  if (added !== text && addToFile(added, className) !== added)
    throw new NotUnderstood('the edit could not be verified');
  return added;
}

module.exports = { addModule, ELEMENT, MODULE, PACKAGE };
