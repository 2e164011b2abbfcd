// Reads the import declarations of a file.
const { NotUnderstood } = require('./tokens.cjs');

const isWord = (token, text) => token?.kind === 'word' && (text === undefined || token.text === text);
const is = (token, text) => token?.kind === 'punctuation' && token.text === text;

/** Reads the names in braces: `{ A, type B as C }`. */
function namesIn(tokens, open) {
  const names = [];
  for (let at = open + 1; at < tokens[open].pair; at += 1) {
    const words = [];
    while (at < tokens[open].pair && !is(tokens[at], ',')) words.push(tokens[at++].text);
    const isType = words[0] === 'type' && words.length > 1 && words[1] !== 'as';
    const [imported, , local = imported] = isType ? words.slice(1) : words;
    if (imported !== undefined) names.push({ imported, local, isType });
  }
  return names;
}

/** `import a = require('a')` or `import a = B.c`. */
function endOfImportEquals(tokens, equals) {
  let last = equals + 1;
  while (is(tokens[last + 1], '.')) last += 2;
  return is(tokens[last + 1], '(') ? tokens[last + 1].pair : last;
}

function readImport(tokens, first) {
  const names = [];
  const isTypeOnly = isWord(tokens[first + 1], 'type') && !isWord(tokens[first + 2], 'from');
  let last;
  for (let at = first + 1; last === undefined; at += 1) {
    const token = tokens[at];
    if (token?.kind === 'string' || is(token, '=')) last = at;
    else if (is(token, '{')) {
      names.push(...namesIn(tokens, at));
      at = token.pair;
    } else if (isWord(token) && !/^(type|from|as)$/.test(token.text)) {
      const imported = isWord(tokens[at - 1], 'as') ? '*' : 'default';
      names.push({ imported, local: token.text, isType: false });
    } else if (!isWord(token) && !is(token, ',') && !is(token, '*')) {
      throw new NotUnderstood('an import could not be read');
    }
  }
  const specifier = tokens[last].kind === 'string' ? tokens[last].text : undefined;
  if (specifier === undefined) last = endOfImportEquals(tokens, last);
  const hasAttributes = isWord(tokens[last + 1], 'with') || isWord(tokens[last + 1], 'assert');
  if (hasAttributes && is(tokens[last + 2], '{')) last = tokens[last + 2].pair;
  const hasSemicolon = is(tokens[last + 1], ';');
  if (hasSemicolon) last += 1;
  return {
    names: names.map((name) => ({ ...name, isType: name.isType || isTypeOnly })),
    from: specifier?.slice(1, -1),
    quote: specifier?.[0],
    hasSemicolon,
    first,
    last,
  };
}

/**
 * Reads the import declarations at the top level.
 *
 * @throws NotUnderstood
 */
function importsIn(tokens) {
  const found = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const isImport = isWord(tokens[at], 'import') && tokens[at].depth === 0 && !is(tokens[at - 1], '.');
    // import('…') and import.meta are expressions.
    if (!isImport || is(tokens[at + 1], '(') || is(tokens[at + 1], '.')) continue;
    const declaration = readImport(tokens, at);
    found.push(declaration);
    at = declaration.last;
  }
  return found;
}

module.exports = { importsIn, is, isWord };
