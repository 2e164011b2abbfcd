import { mkdtempSync, rmdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { shortMessage } from '../../../lib/cli/command-error';
import { loadMessage } from '../../../lib/cli/load-error';

const SECRET = 'hunter2';

function errorWith(fields: object, message = `password authentication failed for user "${SECRET}"`): Error {
  return Object.assign(new Error(message), fields);
}

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What a call throws. */
function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('It does not throw.');
}

describe('a value of the environment', () => {
  const thrown = (text: string) => shortMessage(new Error(text));

  it.each<[string, string, string]>([
    ['within a word', 'Zq7hunter2', 'userZq7hunter2x'],
    ['in base64', 'Zq7hunter2', Buffer.from('Zq7hunter2').toString('base64')],
    ['in base64 for URLs', 'Zq7?>hunter2', Buffer.from('Zq7?>hunter2').toString('base64url')],
    ['with a user in base64', 'hunter2', Buffer.from('root:hunter2').toString('base64')],
    ['in hexadecimal', 'hunter2', Buffer.from('hunter2').toString('hex')],
    ['of a URL', 'postgres://root:hunter2%40@localhost/app', 'hunter2%40'],
    ['of a URL, decoded', 'postgres://root:hunter2%40@localhost/app', 'hunter2@'],
    ['of JSON', '{"db":{"pw":"hunter2"}}', 'hunter2'],
    ['of a list of pairs', 'Server=db;Password=hunter2;Database=app', 'hunter2'],
    ['of a key in one line', '-----BEGIN-----\\nhunter2\\n-----END-----', 'hunter2'],
    ['in quotes', '"hunter2"', 'hunter2'],
  ])('is not shown %s', (_how, value, shown) => {
    vi.stubEnv('DB', value);
    expect(thrown(`no login: ${shown}`)).toBe(
      shown.includes('user') ? 'Error: no login: user…x.' : 'Error: no login: …',
    );
  });

  it('of npm is not shown if it is a token', () => {
    vi.stubEnv('npm_config__authToken', 'hunter2');
    vi.stubEnv('npm_config_cache', '/var/cache');
    expect(thrown('hunter2 in /var/cache')).toBe('Error: … in /var/cache.');
  });

  it('that is the path of a file hides no file beside it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'configuration-'));
    vi.stubEnv('TS_NODE_PROJECT', folder);
    expect(thrown(`${folder}/data-source.ts:1:32`)).toBe(`Error: ${folder}/data-source.ts:1:32.`);
    rmdirSync(folder);
    vi.stubEnv('DB', '/hunter2/hunter2/hunter2');
    expect(thrown('/hunter2/hunter2/hunter2')).toBe('Error: …');
  });

  it('that is a short word leaves longer ones alone', () => {
    vi.stubEnv('DB_TYPE', 'post');
    expect(thrown('postgres is not installed: npm install postgres')).toBe(
      'Error: postgres is not installed: npm install postgres.',
    );
  });

  it('that names a package is not shown by the hint to install it', () => {
    vi.stubEnv('DB', 'hunter2');
    const error = Object.assign(new Error("Cannot find module 'hunter2'"), { code: 'MODULE_NOT_FOUND' });
    expect(loadMessage(error)).toMatch(/^Error: Cannot find module '…'. Install …\./);
  });
});

describe('shortMessage', () => {
  it.each([
    [new TypeError('x is not a function'), 'TypeError: x is not a function.'],
    [new Error('Nothing to see here.'), 'Error: Nothing to see here.'],
    [new Error('Why?'), 'Error: Why?'],
    [new Error('first\nsecond'), 'Error: first.'],
    [
      new Error('Failed the validation:\n\n - port is missing\n - host'),
      'Error: Failed the validation: - port is missing.',
    ],
    [new Error('It ended:'), 'Error: It ended:.'],
    [new Error('[\n  {\n    "path": ["PORT"]\n  }\n]'), 'Error: [ { "path": ["PORT"] } ].'],
    [
      errorWith({ code: 'ERR_MODULE_NOT_FOUND' }, "Cannot find package 'x'"),
      "Error: Cannot find package 'x'.",
    ],
    [errorWith({ code: 'MODULE_NOT_FOUND' }, "Cannot find module 'x'"), "Error: Cannot find module 'x'."],
    [errorWith({ name: 'error', code: '28P01' }), 'error (28P01).'],
    [errorWith({ code: 'ECONNREFUSED' }), 'Error (ECONNREFUSED).'],
    [errorWith({ name: 'QueryFailedError', driverError: {}, code: 'ER_X' }), 'QueryFailedError (ER_X).'],
    [errorWith({ name: 'QueryFailedError', driverError: {} }), 'QueryFailedError.'],
    [errorWith({ code: 'X'.repeat(999) }), `Error (${'X'.repeat(40)}).`],
    [errorWith({ code: 7 }, 'seven'), 'Error: seven.'],
    [SECRET, 'a thrown string.'],
    [undefined, 'a thrown undefined.'],
    [null, 'a thrown object.'],
    [Symbol(SECRET), 'a thrown symbol.'],
    [{ password: SECRET }, 'a thrown object.'],
    [runInContext("new RangeError('from elsewhere')", createContext({})), 'RangeError: from elsewhere.'],
    [new Error('x'.repeat(1000)), `Error: ${'x'.repeat(293)}…`],
  ])('%#: %o', (error, message) => expect(shortMessage(error)).toBe(message));

  it.each([
    `postgres://root:${SECRET}@db:5432/app is down`,
    `url "postgresql://root:${SECRET}@db/app?sslmode=require" is bad`,
    `MONGODB+SRV://root:${SECRET}@db`,
    `root:${SECRET}@db.example.com cannot be reached`,
    `password=${SECRET}`,
    `Server=db;User Id=sa;Password=${SECRET};Encrypt=true`,
    `password: '${SECRET} with words'`,
    `{"username":"root","password":"${SECRET}"}`,
    `PGPASSWORD=${SECRET}`,
    `passwd = ${SECRET}`,
    `pwd=${SECRET}`,
    `passphrase: ${SECRET}`,
    `client_secret=${SECRET}`,
    `token: "${SECRET}"`,
  ])('does not show the secret of: %s', (message) => {
    expect(shortMessage(new Error(message))).not.toContain(SECRET);
    expect(shortMessage(errorWith({ name: `E ${message}` }, 'x'))).toBeDefined();
  });

  it.each([
    ['JSON', 'hunter2', (value: string) => JSON.parse(value) as unknown],
    [
      'JSON with a longer text',
      '{"key": hunter2hunter2hunter2hunter2}',
      (value) => JSON.parse(value) as unknown,
    ],
    ['JSON with a space', 'my hunter2', (value) => JSON.parse(value) as unknown],
    ['a number', 'hunter2', (value) => BigInt(value)],
    ['a pattern', 'hunter2(', (value) => new RegExp(value)],
    ['a file', 'hunter2', (value) => createRequire(__filename)(value) as unknown],
    ['a property', 'hunter2', (value) => (undefined as unknown as Record<string, unknown>)[value]],
    ['an argument', 'hunter2'.repeat(40), (value) => Buffer.alloc(value as unknown as number)],
    ['an argument with spaces', 'a hunter2 '.repeat(40), (value) => Buffer.alloc(value as unknown as number)],
    [
      'lines',
      'first\nhunter2',
      (value) => {
        throw new Error(`no such key: ${value.split('\n')[1] ?? ''}`);
      },
    ],
    [
      'what is encoded',
      'hunter2/ä',
      (value) => {
        throw new Error(`GET /?key=${encodeURIComponent(value)}`);
      },
    ],
    [
      'a name',
      'hunter2',
      (value) => {
        throw Object.assign(new Error('x'), { name: value });
      },
    ],
    [
      'a code',
      'hunter2',
      (value) => {
        throw Object.assign(new Error('x'), { code: value });
      },
    ],
  ] as [string, string, (value: string) => unknown][])(
    'shows no value of the environment that stands in an error about %s',
    (_what, value, use) => {
      vi.stubEnv('DB_PASSWORD', value);
      const message = shortMessage(thrownBy(() => use(value)));
      expect(message).not.toContain('hunter2');
      expect(message).toMatch(/Error|…/);
    },
  );

  it('shows what the environment has by chance: parts of words, paths of the process, no value', () => {
    vi.stubEnv('SHORT', 'on');
    vi.stubEnv('EMPTY', '');
    vi.stubEnv('PWD', '/srv/app');
    vi.stubEnv('DB_NAME', 'app');
    expect(shortMessage(new Error("Cannot find module '/srv/application/on/x'"))).toBe(
      "Error: Cannot find module '/srv/application/on/x'.",
    );
    expect(shortMessage(thrownBy(() => JSON.parse(undefined as unknown as string)))).toBe(
      'SyntaxError: "undefined" is not valid JSON.',
    );
  });

  it.each([
    [
      'a getter that throws',
      Object.defineProperty(new Error('x'), 'message', {
        get: () => {
          throw new Error(SECRET);
        },
      }),
    ],
    [
      'a proxy that throws',
      new Proxy(
        {},
        {
          has: () => {
            throw new Error(SECRET);
          },
          getPrototypeOf: () => {
            throw new Error(SECRET);
          },
        },
      ),
    ],
    ['a message that is no string', errorWith({ message: Symbol(SECRET) })],
  ])('outlasts %s', (_what, error) => {
    expect(shortMessage(error)).not.toContain(`${SECRET} `);
    expect(shortMessage(error)).toBeTypeOf('string');
  });
});
