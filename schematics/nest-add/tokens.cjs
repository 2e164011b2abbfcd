// Splits TypeScript into tokens: enough to find imports, decorators and brackets. It throws for anything that
// it does not understand.

/** Thrown for code that the schematic does not understand. It then changes nothing. */
class NotUnderstood extends Error {}

const SPACE = /[\s\uFEFF]+/y;
const COMMENT = /\/\/[^\n\r\u2028\u2029]*|\/\*[^]*?\*\//y;
const HASHBANG = /^#![^\n\r]*/;
const STRING = /'(?:[^'\\\n\r]|\\(?:\r\n|[^]))*'|"(?:[^"\\\n\r]|\\(?:\r\n|[^]))*"/y;
const WORD = /#?[\p{ID_Start}$_][\p{ID_Continue}$]*/uy;
const CONFLICT = /^(<{7}|={7}|>{7})( |\r?$)/m;
const NUMBER = /\d[\w.]*/y;
const REGEX = /\/(?!\*)(?:[^/\\[\n\r]|\\[^\n\r]|\[(?:[^\]\\\n\r]|\\[^\n\r])*\])+\/\w*/y;
const PUNCTUATION = /[{}()[\];,<>.?:=!+\-*/%&|^~@]/y;

const CLOSING = { '(': ')', '[': ']', '{': '}' };
const BEFORE_REGEX = /^(return|typeof|case|in|of|delete|void|throw|new|do|else|yield|await|instanceof)$/;

function match(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** Whether a slash begins a regular expression: it does where a value can begin. Elsewhere it divides. */
function canBeginRegex(previous) {
  if (previous === undefined) return true;
  if (previous.kind === 'word') return BEFORE_REGEX.test(previous.text);
  return previous.kind === 'punctuation' && !/[)\]}]/.test(previous.text);
}

/** Returns the end of the template literal that begins at `start`, including nested ones. */
function endOfTemplate(text, start) {
  let at = start + 1;
  while (at < text.length) {
    if (text[at] === '`') return at + 1;
    if (text.startsWith('${', at)) at = endOfSubstitution(text, at + 2);
    else at += text[at] === '\\' ? 2 : 1;
  }
  throw new NotUnderstood('a template literal has no end');
}

function endOfSubstitution(text, start) {
  let depth = 1;
  let previous;
  let at = start;
  while (depth > 0) {
    const token = next(text, at, previous);
    if (token === undefined) throw new NotUnderstood('a template literal has no end');
    if (token.kind === 'punctuation' && token.text === '{') depth += 1;
    if (token.kind === 'punctuation' && token.text === '}') depth -= 1;
    if (token.kind !== 'comment') previous = token;
    at = token.end;
  }
  return at;
}

/** Returns the token or comment at or after a position. */
function next(text, position, previous) {
  const start = position + (match(SPACE, text, position)?.length ?? 0);
  if (start >= text.length) return undefined;
  const token = (kind, content) => ({ kind, text: content, start, end: start + content.length });
  if (text[start] === '`') return token('template', text.slice(start, endOfTemplate(text, start)));
  const comment = match(COMMENT, text, start);
  if (comment !== undefined) return token('comment', comment);
  const kinds = { string: STRING, number: NUMBER, word: WORD };
  if (canBeginRegex(previous)) kinds.regex = REGEX;
  // A comment start that reaches this point has no end, so it must not count as punctuation.
  if (!text.startsWith('/*', start)) kinds.punctuation = PUNCTUATION;
  for (const [kind, pattern] of Object.entries(kinds)) {
    const content = match(pattern, text, start);
    if (content !== undefined) return token(kind, content);
  }
  const line = text.slice(0, start).split('\n').length;
  throw new NotUnderstood(`line ${line} could not be read`);
}

/** Sets `pair` of each bracket to the index of its counterpart, and `depth` of every token. */
function pairBrackets(tokens) {
  const open = [];
  for (const [index, token] of tokens.entries()) {
    token.depth = open.length;
    if (token.kind !== 'punctuation') continue;
    if (token.text in CLOSING) open.push(index);
    else if (/[)\]}]/.test(token.text)) {
      const opening = open.pop();
      if (CLOSING[tokens[opening]?.text] !== token.text) throw new NotUnderstood('brackets do not match');
      tokens[opening].pair = index;
      token.pair = opening;
      token.depth = open.length;
    }
  }
  if (open.length > 0) throw new NotUnderstood('brackets do not match');
}

/**
 * Returns the tokens of a file and, separately, its comments.
 *
 * @throws NotUnderstood
 */
function tokenize(text) {
  if (CONFLICT.test(text)) throw new NotUnderstood('it has a conflict of a merge');
  const tokens = [];
  const comments = [];
  let at = HASHBANG.exec(text)?.[0].length ?? 0;
  for (;;) {
    const token = next(text, at, tokens.at(-1));
    if (token === undefined) break;
    (token.kind === 'comment' ? comments : tokens).push(token);
    at = token.end;
  }
  pairBrackets(tokens);
  return { tokens, comments };
}

module.exports = { NotUnderstood, tokenize };
