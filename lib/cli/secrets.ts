/** Variables that say where a process runs. Messages about files would say little without them. */
const HARMLESS =
  /^(_|CI|HOME|HOSTNAME|INIT_CWD|LANG|LC_\w+|LOGNAME|NODE_ENV|OLDPWD|PATH|PWD|SHELL|SHLVL|TERM|TMPDIR|TZ|USER|npm_\w+)$/;
/** A shorter value stands in many a word by chance. */
const SHORTEST = 3;
/** Characters by which a value is known that a message shows cut off. */
const BEGINNING = 16;

/** The environment that the process was started with: a loaded file may change it. */
const startedWith = { ...process.env };

/**
 * Takes out of a message what may be secret: credentials in a URL, before an @ and after words such as `password`, and
 * every value of the environment, whole or cut off.
 */
export function withoutSecrets(text: string): string {
  const masked = valuesOfEnvironment().reduce(withoutValue, text);
  return masked
    .replace(/([a-z][\w+.-]*:\/\/)[^\s'"]*/gi, '$1…')
    .replace(/[^\s'"]+:[^\s'"]+@/g, '…@')
    .replace(/((?:pass(?:word|wd|phrase)?|pwd|secret|token)["']?\s*[=:]\s*)(?:"[^"]*"|'[^']*'|\S+)/gi, '$1…');
}

/** The longest first: one may be part of another. */
function valuesOfEnvironment(): string[] {
  const values = [startedWith, process.env]
    .flatMap((environment) => Object.entries(environment))
    .filter(([name]) => !HARMLESS.test(name))
    .flatMap(([, value = '']) => [value, ...value.split('\n')])
    .flatMap((value) => [value.trim(), JSON.stringify(value).slice(1, -1), encodeURIComponent(value)]);
  return [...new Set(values)].filter(({ length }) => length >= SHORTEST).sort((a, b) => b.length - a.length);
}

function withoutValue(text: string, value: string): string {
  const whole = text.replace(new RegExp(`(?<!\\w)${escaped(value)}(?!\\w)`, 'g'), '…');
  if (value.length <= BEGINNING) return whole;
  return whole.replace(new RegExp(`(?<!\\w)${escaped(value.slice(0, BEGINNING))}[^\\s'"\`]*`, 'g'), '…');
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
