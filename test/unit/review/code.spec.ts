import { describe, expect, it } from 'vitest';
import { SourceReader } from '../../../lib/review/code';

const reader = new SourceReader(__dirname);
const NAME = 'A1700000000000';

function executed(text: string, file = 'a.ts'): string | undefined {
  return reader.classOf(NAME, file, text)?.executed();
}

const inUp = (body: string, before = '') =>
  `${before}\nexport class ${NAME} { async up(q: any) { ${body} } async down() {} }`;

describe('what a class executes', () => {
  it.each([
    ['quotes', inUp("q.query('a')"), inUp('q.query("a");')],
    ['a template without parts', inUp("q.query('a')"), inUp('q.query(`a`)')],
    ['escapes', inUp("q.query('\\u0061')"), inUp("q.query('a')")],
    ['line ends within a template', inUp('q.query(`a\nb`)'), inUp('q.query(`a\r\nb`)')],
    ['trailing commas', inUp('f(1, [2], { a: 3 })'), inUp('f(1, [2,], { a: 3, },)')],
    ['parentheses', inUp('return (a + b) + c'), inUp('return a + b + c')],
    ['quotes of keys', inUp("f({ 'a': 1 })"), inUp('f({ a: 1 })')],
    ['types', inUp('const a: string = b as string; f<number>(a!)'), inUp('const a = b; f(a)')],
    ['let and const', inUp('let a = 1; f(a)'), inUp('const a = 1; f(a)')],
    ['an unused constant', inUp('f()'), inUp('f()', 'const unused = 1;')],
    [
      'the order of constants',
      inUp('f(a, b)', 'const a = 1; const b = 2;'),
      inUp('f(a, b)', 'const b = 2; const a = 1;'),
    ],
    [
      'the folder of an import',
      inUp('f()', "import { f } from './x/f';"),
      inUp('f()', "import { f } from '../../f.js';"),
    ],
    ['an interface', inUp('f()'), inUp('f()', 'interface A { a: 1 }').replace(' {', ' implements A {')],
    ['a directive', inUp('f()'), inUp('f()', "'use strict';")],
    ['a declaration for other files', inUp('f()'), inUp('f()', 'declare global { interface A { a: 1 } }')],
    ['an enum that is constant', inUp('f(A.a)', 'enum A { a }'), inUp('f(A.a)', 'const enum A { a }')],
    ['modifiers', inUp('f()'), inUp('f()').replace('async up', 'public override async up')],
  ])('is not %s', (_what, before, after) => {
    expect(executed(after)).toBeDefined();
    expect(executed(after)).toBe(executed(before));
  });

  it.each([
    ['a string', inUp("q.query('a')"), inUp("q.query('a ')")],
    ['a part of a template', inUp('q.query(`a ${b} c`)'), inUp('q.query(`a ${b} d`)')],
    ['an operator', inUp('return a + b'), inUp('return a - b')],
    ['a prefix', inUp('return -a'), inUp('return +a')],
    ['where a template ends', inUp("f('a', 'b')"), inUp("f('a;b')")],
    ['grouping', inUp('return a * (b + c)'), inUp('return a * b + c')],
    ['var', inUp('var a = 1; f(a)'), inUp('let a = 1; f(a)')],
    ['async', inUp('f()'), inUp('f()').replace('async up', 'up')],
    ['a number', inUp('f(1)'), inUp('f(2)')],
    ['a regular expression', inUp('f(/a/)'), inUp('f(/a/g)')],
    ['a constant that it uses', inUp('f(a)', 'const a = 1;'), inUp('f(a)', 'const a = 2;')],
    [
      'a function behind a function',
      inUp('f()', 'const f = () => g(); const g = () => 1;'),
      inUp('f()', 'const f = () => g(); const g = () => 2;'),
    ],
    [
      'what is imported',
      inUp('f()', "import { f } from './a';"),
      inUp('f()', "import { g as f } from './a';"),
    ],
    [
      'from where it is imported',
      inUp('f()', "import { f } from './v1';"),
      inUp('f()', "import { f } from './v2';"),
    ],
    [
      'from where it is required',
      inUp('f.a()', "import f = require('./v1');"),
      inUp('f.a()', "import f = require('./v2');"),
    ],
    ['a name for a part', inUp('f()', 'import f = a.b;'), inUp('f()', 'import f = a.c;')],
    ['what a tag sees', inUp('q.query(String.raw`a\\n`)'), inUp('q.query(String.raw`a\n`)')],
    ['what a tag sees beside a part', inUp('f`${a}\\u0061`'), inUp('f`${a}a`')],
    ['an enum', inUp('f(A.a)', 'enum A { a = 1 }'), inUp('f(A.a)', 'enum A { a = 2 }')],
    ['what runs when the file is loaded', inUp('f()'), inUp('f()', 'setUp();')],
    ['optional chaining', inUp('a.b()'), inUp('a?.b()')],
    ['a base class', inUp('f()'), inUp('f()').replace(' {', ' extends Base {')],
    ['a field', inUp('f()'), inUp('f()').replace('{', '{ transaction = false;')],
    ['a static block', inUp('f()'), inUp('f()').replace('{', '{ static { f(); }')],
    ['a loop that awaits', inUp('for (const a of b) f(a)'), inUp('for await (const a of b) f(a)')],
  ])('is %s', (_what, before, after) => expect(executed(after)).not.toBe(executed(before)));

  it('is the same in CommonJS', () => {
    const commonJs = `"use strict";\nObject.defineProperty(exports, "__esModule", { value: true });\nexports.${NAME} = void 0;
      class ${NAME} { async up(q) { q.query('a') } async down() {} }\nexports.${NAME} = ${NAME};`;
    expect(executed(commonJs, 'a.js')).toBe(executed(inUp("q.query('a')")));
  });
});

describe('a name', () => {
  it.each([
    ['a declaration', `export class ${NAME} { up() {} }`],
    ['a default export', `export default class ${NAME} { up() {} }`],
    ['a variable', `export const ${NAME} = class { up() {} };`],
    ['a field', `export class Other { readonly name = '${NAME}' as const; up() {} }`],
    ['a class within a function', `function make() { return class ${NAME} { up() {} }; }`],
  ])('comes from %s', (_what, text) =>
    expect(reader.classOf(NAME, 'a.ts', `\n${text}`)).toMatchObject({ line: 2, hasUp: true }),
  );
});

describe('what a file exports', () => {
  it.each([
    [[NAME], `export class ${NAME} {}`],
    [[NAME], `class ${NAME} {}\nexport { ${NAME} as Other };\nexport type A = 1;\nexport interface B {}`],
    [[NAME], `export default class ${NAME} {}`],
    [[NAME], `export class Own { name = '${NAME}' }\nexport const SQL = 'a';`],
    [[NAME], `module.exports = class ${NAME} {};`],
    [[NAME], `class ${NAME} {}\nmodule.exports = { ${NAME} };`],
    [[NAME], `class ${NAME} {}\nexports.${NAME} = ${NAME};`],
    [
      [NAME],
      `Object.defineProperty(exports,"__esModule",{value:!0}),exports.${NAME}=void 0;class ${NAME}{}exports.${NAME}=${NAME};`,
    ],
    [[NAME, 'B'], `class ${NAME}{}class B{}exports.${NAME}=${NAME},exports.B=B;`],
    [[], 'const a = 1; f(a);'],
    [undefined, `class A {}\nexports['A'] = A;`],
    [undefined, 'class A {}\nif (a) exports.A = A;'],
    [undefined, 'var A = exports.A = class {};'],
    [undefined, 'a && (exports.A = A);'],
    [undefined, "export * from './a';"],
    [undefined, "export { A } from './a';"],
    [undefined, "import { A } from './a';\nexport { A };"],
    [undefined, 'export const list = [A];'],
    [undefined, 'export function f() {}'],
    [undefined, "module.exports = require('./a');"],
    [undefined, 'Object.assign(exports, a);'],
    [undefined, 'export class {'],
  ])('is %j', (names, text) => expect(reader.exportedBy('a.ts', text)).toEqual(names));
});
