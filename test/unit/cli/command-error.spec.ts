import { createContext, runInContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { shortMessage } from '../../../lib/cli/command-error';

const SECRET = 'hunter2';

function errorWith(fields: object, message = `password authentication failed for user "${SECRET}"`): Error {
  return Object.assign(new Error(message), fields);
}

describe('shortMessage', () => {
  it.each([
    [new TypeError('x is not a function'), 'TypeError: x is not a function.'],
    [new Error('Nothing to see here.'), 'Error: Nothing to see here.'],
    [new Error('Why?'), 'Error: Why?'],
    [new Error('first\nsecond'), 'Error: first.'],
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
