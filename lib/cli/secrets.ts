import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';

/** Variables about where a process runs. Without their values, messages about files would be useless. */
const HARMLESS =
  /^(_|CI|HOME|HOSTNAME|INIT_CWD|LANG|LC_\w+|LOGNAME|NODE_ENV|OLDPWD|PATH|PWD|SHELL|SHLVL|TERM|TMPDIR|TZ|USER|npm_(?!.*(?:auth|pass|token|TOKEN))\w+)$/;
/** A shorter value occurs in many words by chance. */
const SHORTEST = 3;
/** A value of this length never occurs in a word by chance. */
const UNMISTAKABLE = 8;
/** Shorter texts can result from decoding any word as base64. */
const SHORTEST_ENCODED = 5;
/** Length of the prefix that identifies a truncated value. */
const BEGINNING = 16;

/** The environment at the start of the process: a loaded file may change it. */
const startedWith = { ...process.env };

/**
 * Removes possible secrets from a message: credentials in a URL, before an @ and after words such as
 * `password`. It also removes every value of the environment and the passwords inside, even if truncated or
 * encoded.
 */
export function withoutSecrets(text: string): string {
  const values = valuesOfEnvironment();
  const masked = withoutEncoded(values.reduce(withoutValue, text), values);
  return masked
    .replace(/([a-z][\w+.-]*:\/\/)[^\s'"]*/gi, '$1…')
    .replace(/[^\s'"]+:[^\s'"]+@/g, '…@')
    .replace(/((?:pass(?:word|wd|phrase)?|pwd|secret|token)["']?\s*[=:]\s*)(?:"[^"]*"|'[^']*'|\S+)/gi, '$1…');
}

/** Sorted by length, because one value may be part of another. */
function valuesOfEnvironment(): string[] {
  const values = [startedWith, process.env]
    .flatMap((environment) => Object.entries(environment))
    // Existing paths are harmless, such as that of the tsconfig.json for a loader.
    .filter(([name, value = '']) => !HARMLESS.test(name) && !(isAbsolute(value) && existsSync(value)))
    .flatMap(([, value = '']) => [value, ...partsOf(value)])
    .flatMap((value) => [value.trim(), JSON.stringify(value).slice(1, -1), encodeURIComponent(value)]);
  return [...new Set(values)].filter(({ length }) => length >= SHORTEST).sort((a, b) => b.length - a.length);
}

/**
 * Returns the parts of a value: its lines, also of a key in one line; the passwords in a URL or in a list of
 * pairs; the texts in JSON.
 */
function partsOf(value: string): string[] {
  const lines = value.split(/\n|\\n/).map((line) => line.replace(/^\s*["']|["']\s*$/g, ''));
  const [, ofUrl = ''] = /:\/\/[^:@/]*:(.+)@/.exec(value) ?? [];
  const ofPairs = Array.from(value.matchAll(PAIR), ([, part = '']) => part);
  return [...lines, ofUrl, decoded(ofUrl), ...ofPairs, ...textsOfJson(value)];
}

const PAIR = /(?:pass\w*|pwd|secret|token|key)["']?\s*[=:]\s*["']?([^"';&,\s}]+)/gi;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function textsOfJson(value: string): string[] {
  const texts: string[] = [];
  try {
    if (/^\s*[[{]/.test(value)) {
      JSON.parse(value, (_key, text: unknown) => (typeof text === 'string' ? texts.push(text) : undefined));
    }
  } catch {
    // The value is not JSON.
  }
  return texts;
}

function withoutValue(text: string, value: string): string {
  const isPart = value.length >= UNMISTAKABLE;
  const whole = isPart
    ? text.replaceAll(value, '…')
    : text.replace(new RegExp(`(?<!\\w)${escaped(value)}(?!\\w)`, 'g'), '…');
  if (value.length <= BEGINNING) return whole;
  return whole.replace(new RegExp(`(?<!\\w)${escaped(value.slice(0, BEGINNING))}[^\\s'"\`]*`, 'g'), '…');
}

/** Base64 and hexadecimal texts, which may encode a user and a password. */
const ENCODED = /[\w+/-]{8,}={0,2}/g;

function withoutEncoded(text: string, values: readonly string[]): string {
  const secrets = values.filter(({ length }) => length >= SHORTEST_ENCODED);
  return text.replace(ENCODED, (token) => {
    const plain = [Buffer.from(token, 'base64'), Buffer.from(token, 'hex')].map(String);
    return secrets.some((secret) => plain.some((each) => each.includes(secret))) ? '…' : token;
  });
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
