import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';

/** Variables that say where a process runs. Messages about files would say little without them. */
const HARMLESS =
  /^(_|CI|HOME|HOSTNAME|INIT_CWD|LANG|LC_\w+|LOGNAME|NODE_ENV|OLDPWD|PATH|PWD|SHELL|SHLVL|TERM|TMPDIR|TZ|USER|npm_(?!.*(?:auth|pass|token|TOKEN))\w+)$/;
/** A shorter value stands in many a word by chance. */
const SHORTEST = 3;
/** One of this length stands in no word by chance. */
const UNMISTAKABLE = 8;
/** Fewer characters may come out of any word that is taken for base64. */
const SHORTEST_ENCODED = 5;
/** Characters by which a value is known that a message shows cut off. */
const BEGINNING = 16;

/** The environment that the process was started with: a loaded file may change it. */
const startedWith = { ...process.env };

/**
 * Takes out of a message what may be secret: credentials in a URL, before an @ and after words such as `password`, and
 * every value of the environment, whole, cut off or encoded, and the passwords in one.
 */
export function withoutSecrets(text: string): string {
  const values = valuesOfEnvironment();
  const masked = withoutEncoded(values.reduce(withoutValue, text), values);
  return masked
    .replace(/([a-z][\w+.-]*:\/\/)[^\s'"]*/gi, '$1…')
    .replace(/[^\s'"]+:[^\s'"]+@/g, '…@')
    .replace(/((?:pass(?:word|wd|phrase)?|pwd|secret|token)["']?\s*[=:]\s*)(?:"[^"]*"|'[^']*'|\S+)/gi, '$1…');
}

/** The longest first: one may be part of another. */
function valuesOfEnvironment(): string[] {
  const values = [startedWith, process.env]
    .flatMap((environment) => Object.entries(environment))
    // The path of what there is says where the process runs, as of the tsconfig.json for a loader.
    .filter(([name, value = '']) => !HARMLESS.test(name) && !(isAbsolute(value) && existsSync(value)))
    .flatMap(([, value = '']) => [value, ...partsOf(value)])
    .flatMap((value) => [value.trim(), JSON.stringify(value).slice(1, -1), encodeURIComponent(value)]);
  return [...new Set(values)].filter(({ length }) => length >= SHORTEST).sort((a, b) => b.length - a.length);
}

/** The lines of a value, also of a key in one line; the passwords in a URL or a list of pairs; the texts in JSON. */
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
    // No JSON.
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

/** Base64 and hexadecimal numbers, also of a user and a password. */
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
