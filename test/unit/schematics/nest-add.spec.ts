import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { PROJECT } from '../../support/documents';
import { type Outcome, runNestAdd } from '../../support/tree';

const FILE = 'src/app.module.ts';
const MANIFEST = `${JSON.stringify({ dependencies: { '@nestjs/typeorm': '^11.0.0', 'prom-client': '^15.1.0' } }, null, 2)}\n`;
const CALL = 'PrometheusMigrationsModule.forRoot()';

/** A module whose `imports` are the text between `imports:` and the next property. */
const moduleOf = (imports: string) => `import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AppController } from './app.controller';

@Module({
  imports: ${imports},
  controllers: [AppController],
})
export class AppModule {}
`;

const add = (text: string | Buffer, options = {}): Outcome =>
  runNestAdd({ [FILE]: text, 'package.json': MANIFEST }, options);

/** The text after the schematic, which must have changed it and warned of nothing. */
function added(text: string): string {
  const { files, warnings } = add(text);
  expect(warnings).toEqual([]);
  const result = files[FILE] ?? '';
  expect(result).not.toBe(text);
  expect(syntaxErrors(result)).toEqual([]);
  expect(importsOf(result)).toEqual([...importsOf(text), 'PrometheusMigrationsModule']);
  expect(elementsOf(result)).toEqual([...elementsOf(text), CALL]);
  expect(commentsOf(result)).toEqual(commentsOf(text));
  expect(add(result).files[FILE]).toBe(result);
  return result;
}

const parse = (text: string) => ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true);

function syntaxErrors(text: string): string[] {
  const { diagnostics = [] } = ts.transpileModule(text, {
    reportDiagnostics: true,
    compilerOptions: { module: ts.ModuleKind.ESNext, experimentalDecorators: true },
  });
  return diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
}

/** The names that are imported from packages and files, in the order of the file. */
function importsOf(text: string): string[] {
  return parse(text)
    .statements.filter(ts.isImportDeclaration)
    .flatMap(({ importClause }) => {
      const bindings = importClause?.namedBindings;
      const named = bindings && ts.isNamedImports(bindings) ? bindings.elements : [];
      return named.map(({ name }) => name.text);
    });
}

/** The elements of `imports` in the decorator of AppModule. */
function elementsOf(text: string): string[] {
  const elements: string[] = [];
  const visit = (node: ts.Node): void => {
    if (
      ts.isPropertyAssignment(node) &&
      /^['"]?imports['"]?$/.test(node.name.getText()) &&
      ts.isArrayLiteralExpression(node.initializer)
    )
      elements.push(...node.initializer.elements.map((element) => element.getText()));
    else ts.forEachChild(node, visit);
  };
  visit(parse(text));
  return elements;
}

function commentsOf(text: string): string[] {
  const scanner = ts.createScanner(ts.ScriptTarget.Latest, false, ts.LanguageVariant.Standard, text);
  const comments: string[] = [];
  for (let kind = scanner.scan(); kind !== ts.SyntaxKind.EndOfFileToken; kind = scanner.scan())
    if (kind === ts.SyntaxKind.SingleLineCommentTrivia || kind === ts.SyntaxKind.MultiLineCommentTrivia)
      comments.push(scanner.getTokenText());
  return comments;
}

describe('nest add, in the root module of nest new', () => {
  it('adds the import after the last one, and the call to the imports', () => {
    expect(added(moduleOf('[]'))).toBe(
      moduleOf(`[${CALL}]`).replace(
        "'./app.controller';\n",
        "'./app.controller';\nimport { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';\n",
      ),
    );
  });

  it('says what it did and what to do next', () => {
    const { info, tasks } = add(moduleOf('[]'));
    expect(info).toEqual([
      `${FILE} imports ${CALL}.`,
      'Start the application, then: curl -s localhost:3000/metrics | grep typeorm_migrations',
    ]);
    expect(tasks).toEqual([]);
  });

  it('changes nothing the second time', () => {
    const once = add(moduleOf('[]')).files;
    const { files, info, warnings } = runNestAdd(once);
    expect(files).toEqual(once);
    expect([info, warnings]).toEqual([
      [`${FILE} has PrometheusMigrationsModule already. Nothing to add.`],
      [],
    ]);
  });
});

/** Shapes of `imports`, and what becomes of them. */
const SHAPES: readonly [string, string, string][] = [
  ['one line', '[TypeOrmModule.forRoot()]', `[TypeOrmModule.forRoot(), ${CALL}]`],
  ['one line, with a comma', '[TypeOrmModule.forRoot(),]', `[TypeOrmModule.forRoot(), ${CALL},]`],
  ['an options object', '[A.forRoot({\n    a: 1,\n  })]', `[A.forRoot({\n    a: 1,\n  }), ${CALL}]`],
  ['lines', '[\n    A,\n    B,\n  ]', `[\n    A,\n    B,\n    ${CALL},\n  ]`],
  ['lines without a last comma', '[\n    A,\n    B\n  ]', `[\n    A,\n    B,\n    ${CALL}\n  ]`],
  ['a comment on the last line', '[\n    A, // a, b\n  ]', `[\n    A, // a, b\n    ${CALL},\n  ]`],
  ['a comment without a comma', '[\n    A // a ]\n  ]', `[\n    A, // a ]\n    ${CALL}\n  ]`],
  ['a comment of two lines', '[\n    A, /* a\n b */\n  ]', `[\n    A, /* a\n b */\n    ${CALL},\n  ]`],
  ['a comment of its own line', '[\n    A,\n    // B,\n  ]', `[\n    A,\n    ${CALL},\n    // B,\n  ]`],
  ['an empty array in lines', '[\n  ]', `[\n    ${CALL},\n  ]`],
  ['only a comment', '[\n    // A,\n  ]', `[\n    ${CALL},\n    // A,\n  ]`],
  ['only a comment on one line', '[/* none */]', `[${CALL}/* none */]`],
  ['a spread beside others', '[A, ...others]', `[A, ...others, ${CALL}]`],
  ['a condition', '[A, isTest ? B : C]', `[A, isTest ? B : C, ${CALL}]`],
  ['type arguments', '[A.forRoot<B, C>({ a: [] })]', `[A.forRoot<B, C>({ a: [] }), ${CALL}]`],
  ['brackets in strings', `[A.of(']'), A.of("\\"}")]`, `[A.of(']'), A.of("\\"}"), ${CALL}]`],
  ['brackets in templates', '[A.of(`]${`${{ a: "}" }}`}`)]', `[A.of(\`]\${\`\${{ a: "}" }}\`}\`), ${CALL}]`],
  ['brackets in regular expressions', '[A.of(/[\\]/"]/g)]', `[A.of(/[\\]/"]/g), ${CALL}]`],
  ['a division', '[A.of(4 / 2, "/")]', `[A.of(4 / 2, "/"), ${CALL}]`],
  ['a function', '[A.for({ f: () => { return /]/; } })]', `[A.for({ f: () => { return /]/; } }), ${CALL}]`],
];

describe('nest add, with imports of', () => {
  it.each(SHAPES)('%s', (_, before, after) => {
    expect(added(moduleOf(before))).toContain(`  imports: ${after},\n  controllers`);
  });
});

describe('nest add keeps', () => {
  const plain = moduleOf('[\n    TypeOrmModule.forRoot({ a: 1 }), // first\n    AppController,\n  ]');
  const styles: readonly [string, (text: string) => string][] = [
    ['double quotes', (text) => text.replaceAll("'", '"')],
    ['no semicolons', (text) => text.replaceAll(';\n', '\n')],
    ['CRLF', (text) => text.replaceAll('\n', '\r\n')],
    ['tabs', (text) => text.replaceAll('  ', '\t')],
    ['four spaces', (text) => text.replaceAll('  ', '    ')],
    ['a byte order mark', (text) => `\uFEFF${text}`],
    ['extensions of ES modules', (text) => text.replace("controller'", "controller.js'")],
  ];
  // Every combination: they meet in real files.
  const combined = Array.from({ length: 2 ** styles.length }, (_, bits) =>
    styles.filter((_style, index) => bits & (1 << index)),
  );

  it.each(
    combined.map((some) => [some.map(([name]) => name).join(', ') || 'the usual style', some] as const),
  )('%s', (_, some) => {
    const styled = (text: string) => some.reduce((result, [, style]) => style(result), text);
    const expected = plain
      .replace(
        "'./app.controller';\n",
        "'./app.controller';\nimport { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';\n",
      )
      .replace('    AppController,\n', `    AppController,\n    ${CALL},\n`);
    expect(added(styled(plain))).toBe(styled(expected));
  });

  it.each([
    ['a comment behind the last import', "import { B } from 'b'; // last\n"],
    ['a comment of two lines behind the last import', "import { B } from 'b'; /* last\nend */\n"],
    ['an import of several lines', "import {\n  B,\n  type C,\n  D as E,\n} from 'b';\n"],
    ['an import for its effect', "import 'reflect-metadata';\n"],
    ['a default, a namespace and a type import', "import B, * as C from 'b';\nimport type D from 'd';\n"],
    ['an import with attributes', "import config from './a.json' with { type: 'json' };\n"],
    ['an import by require', "import b = require('b');\n"],
    ['an import of a name in a namespace', 'import b = ts.A.B;\n'],
    ['code on the line of the last import', "import { B } from 'b'; const b = B;\n"],
    ['an import expression', "import { B } from 'b';\nconst b = import('b'), c = import.meta.url;\n"],
    ['a hint in text', "import { B } from 'b';\nconst text = `import { X } from 'y';`;\n"],
  ])('%s', (_, code) => {
    const text = moduleOf('[A]').replace(
      "import { AppController } from './app.controller';\n",
      (line) => line + code,
    );
    expect(syntaxErrors(text)).toEqual([]);
    expect(added(text)).toContain(code.split('\n')[0]?.split('; const')[0]);
  });

  it.each([
    ['other decorators', (text: string) => text.replace('@Module', '@Global()\n@A.b({ c: [] })\n@Module')],
    ['decorators behind', (text: string) => text.replace('export class', '@Global()\nexport default class')],
    ['a quoted key', (text: string) => text.replace('imports:', "'imports':")],
    ['a comma behind the object', (text: string) => text.replace('})', '},)')],
    ['a spread before', (text: string) => text.replace('imports:', '...metadata, imports:')],
    [
      'another name of Module',
      (text: string) => text.replace('{ Module }', '{ Module as Nest }').replace('@Module', '@Nest'),
    ],
    ['another class', (text: string) => `${text}@Module({ providers: [] })\nexport class OtherModule {}\n`],
    [
      'an import of ours for something else',
      (text: string) =>
        text.replace('import', "import { MetricsController } from 'nestjs-prometheus-migrations';\nimport"),
    ],
    ['a comment that mentions it', (text: string) => text.replace('@Module', `// TODO: ${CALL}\n@Module`)],
  ])('%s', (_, change) => {
    added(change(moduleOf('[A]')));
  });

  it('an import that is there already, and is not used', () => {
    const own = "import { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';\n";
    const { files, warnings } = add(own + moduleOf('[A]'));
    expect([files[FILE], warnings]).toEqual([own + moduleOf(`[A, ${CALL}]`), []]);
  });
});

describe('nest add leaves alone', () => {
  it.each([
    ['a variable', moduleOf('modules'), 'not an array literal'],
    ['a call', moduleOf('[A].concat(others)'), 'not an array literal'],
    ['a cast', moduleOf('[A] as never'), 'not an array literal'],
    ['shorthand', moduleOf('[]').replace('imports: []', 'imports'), 'not an array literal'],
    ['only a spread', moduleOf('[...modules]'), 'only spread'],
    ['a hole', moduleOf('[A,,]'), 'have a hole'],
    ['imports twice', moduleOf('[], imports: []'), 'imports twice'],
    ['a spread behind', moduleOf('[], ...metadata'), 'a spread follows'],
    ['no imports', moduleOf('[]').replace('imports: [],', ''), 'has no imports'],
    [
      'metadata in a variable',
      moduleOf('[]').replace(/@Module\([^]*\)\n/, '@Module(metadata)\n'),
      'object literal',
    ],
    ['no metadata', moduleOf('[]').replace(/@Module\([^]*\)\n/, '@Module()\n'), 'object literal'],
    ['no decorator', moduleOf('[]').replace('@Module(', 'const metadata = ('), 'no class with @Module()'],
    [
      'a Module of another package',
      moduleOf('[]').replace('@nestjs/common', './module'),
      'does not import Module',
    ],
    [
      'several other modules',
      moduleOf('[]').replace('AppModule', 'A') + moduleOf('[]').replace('AppModule', 'B'),
      'several classes',
    ],
    [
      'our module by another name',
      `import { PrometheusMigrationsModule as P } from 'nestjs-prometheus-migrations';\n${moduleOf('[P.forRoot()]')}`,
      'in another way',
    ],
    [
      'our module as a type',
      `import type { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';\n${moduleOf('[]')}`,
      'in another way',
    ],
    [
      'a namespace of ours',
      `import * as p from 'nestjs-prometheus-migrations';\n${moduleOf('[]')}`,
      'in another way',
    ],
    [
      'another class of that name',
      `${moduleOf('[]')}class PrometheusMigrationsModule {}\n`,
      'another PrometheusMigrationsModule',
    ],
    ['a bracket too many', moduleOf('[]]'), 'brackets do not match'],
    ['a bracket too few', moduleOf('[').replace('[,', '[],').replace('})', ')'), 'brackets do not match'],
    ['a string without an end', `${moduleOf('[]')}const a = 'b\n`, 'could not be read'],
    ['a comment without an end', `${moduleOf('[]')}/* a\n`, 'could not be read'],
    ['a template without an end', `${moduleOf('[]')}const a = \`b\${c\n`, 'no end'],
    ['a conflict of a merge', `<<<<<<< HEAD\n${moduleOf('[]')}>>>>>>> ours\n`, 'a conflict of a merge'],
    ['an empty file', '', 'does not import Module'],
    ['Latin-1', Buffer.from(`// \xe9\n${moduleOf('[]')}`, 'latin1'), 'not UTF-8'],
  ])('%s, and prints the two lines', (_, text, reason) => {
    const { files, warnings, info } = add(text);
    expect(files[FILE]).toBe(text.toString('utf8'));
    expect(info).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(new RegExp(`^${FILE} was left as it is: .*`))]);
    expect(warnings[0]).toContain(reason);
    expect(warnings[0]).toContain(
      "import { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';",
    );
    expect(warnings[0]).toContain(CALL);
  });

  it('a project whose feature module has it', () => {
    const feature = `@Module({ imports: [${CALL}] })\nexport class MetricsModule {}\n`;
    const before = {
      [FILE]: moduleOf('[MetricsModule]'),
      'src/metrics/metrics.module.ts': feature,
      'package.json': MANIFEST,
    };
    const { files, info } = runNestAdd(before);
    expect(files).toEqual(before);
    expect(info).toEqual([
      'src/metrics/metrics.module.ts has PrometheusMigrationsModule already. Nothing to add.',
    ]);
  });

  it('a project without a root module', () => {
    const { warnings } = runNestAdd({ 'src/index.ts': '', 'package.json': MANIFEST });
    expect(warnings).toEqual([expect.stringContaining('There is no root module under src.')]);
  });
});

describe('nest add finds the root module', () => {
  const main = (create: string, from = './orders.module') =>
    `import { NestFactory } from '@nestjs/core';\nimport { OrdersModule } from '${from}';\n${create}\n`;
  const orders = moduleOf('[]').replace('AppModule', 'OrdersModule');
  const changedIn = (before: Record<string, string>, options = {}) => {
    const { files } = runNestAdd({ 'package.json': MANIFEST, ...before }, options);
    return Object.keys(before).filter((path) => files[path] !== before[path]);
  };

  it.each([
    ['create', 'NestFactory.create(OrdersModule);', './orders.module'],
    ['an ES module', 'await NestFactory.create(OrdersModule, { cors: true });', './orders.module.js'],
    ['type arguments', 'NestFactory.create<A<B>>(OrdersModule, new C());', './orders.module'],
    ['a worker', 'NestFactory.createApplicationContext(OrdersModule);', './orders.module'],
    ['a path from the root', 'NestFactory.createMicroservice(OrdersModule);', 'src/orders.module'],
  ])('in main.ts: %s', (_, create, from) => {
    const before = {
      [FILE]: moduleOf('[]'),
      'src/main.ts': main(create, from),
      'src/orders.module.ts': orders,
    };
    expect(changedIn(before)).toEqual(['src/orders.module.ts']);
  });

  it.each([
    ['two applications', main('NestFactory.create(OrdersModule); NestFactory.create(OtherModule);')],
    ['a dynamic module', main('NestFactory.create(OrdersModule.forRoot());')],
    ['an alias of paths', main('NestFactory.create(OrdersModule);', '@app/orders.module')],
    ['code that cannot be read', "'"],
  ])('in app.module.ts if main.ts has %s', (_, text) => {
    expect(changedIn({ [FILE]: moduleOf('[]'), 'src/main.ts': text })).toEqual([FILE]);
  });

  const monorepo = {
    'nest-cli.json': JSON.stringify({
      monorepo: true,
      sourceRoot: 'apps/shop/src',
      projects: {
        shop: { sourceRoot: 'apps/shop/src' },
        orders: { sourceRoot: 'apps/orders/src', entryFile: 'start' },
      },
    }),
    'apps/shop/src/app.module.ts': moduleOf('[]'),
    'apps/orders/src/start.ts': main('NestFactory.create(OrdersModule);'),
    'apps/orders/src/orders.module.ts': orders,
  };

  it.each([
    ['the default', {}, 'apps/shop/src/app.module.ts'],
    ['--project', { project: 'orders' }, 'apps/orders/src/orders.module.ts'],
    [
      'the source root that nest add passes',
      { sourceRoot: 'apps/orders/src' },
      'apps/orders/src/orders.module.ts',
    ],
  ])('in a monorepo by %s', (_, options, path) => {
    expect(changedIn(monorepo, options)).toEqual([path]);
  });
});

describe('nest add, without a client,', () => {
  const manifest =
    '{\n    "name": "orders",\n    "dependencies": {\n        "typeorm": "^1.0.0",\n        "rxjs": "^7.0.0"\n    }\n}\n';
  const run = (text: string, options = {}) =>
    runNestAdd({ [FILE]: moduleOf('[]'), 'package.json': text }, options);

  it('adds prom-client and has it installed', () => {
    const { files, tasks } = run(manifest);
    expect(files['package.json']).toBe(
      manifest.replace(
        '"typeorm": "^1.0.0",\n        "rxjs": "^7.0.0"',
        '"prom-client": "^15.1.0",\n        "rxjs": "^7.0.0",\n        "typeorm": "^1.0.0"',
      ),
    );
    expect(tasks).toEqual([
      {
        name: 'node-package',
        options: { command: 'install', quiet: true, hideOutput: true, allowScripts: false },
      },
    ]);
  });

  it('adds a range that the package supports', () => {
    const { peerDependencies } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
      peerDependencies: Record<string, string>;
    };
    const { dependencies } = JSON.parse(run(manifest).files['package.json'] ?? '') as {
      dependencies: Record<string, string>;
    };
    expect(peerDependencies['prom-client']?.split(' || ')).toContain(dependencies['prom-client']);
  });

  it('installs nothing with --skip-install, and says so', () => {
    const { tasks, info } = run(manifest, { skipInstall: true });
    expect([tasks, info.at(-1)]).toEqual([[], 'Nothing was installed. Run your package manager.']);
  });

  it('keeps CRLF and the end of package.json', () => {
    const { files } = run(manifest.trimEnd().replaceAll('\n', '\r\n'));
    expect(files['package.json']?.replaceAll('\r\n', '')).not.toContain('\n');
    expect(files['package.json']?.endsWith('}')).toBe(true);
  });

  it.each(['prom-client', '@prometheus-io/client'])('adds nothing beside %s', (client) => {
    for (const kind of ['dependencies', 'devDependencies', 'peerDependencies']) {
      const text = JSON.stringify({ [kind]: { [client]: '*', typeorm: '*' } });
      const { files, tasks } = run(text);
      expect([files['package.json'], tasks]).toEqual([text, []]);
    }
  });

  it('says so if package.json is missing or cannot be read', () => {
    for (const before of [{ [FILE]: moduleOf('[]') }, { [FILE]: moduleOf('[]'), 'package.json': '{' }]) {
      const { warnings, tasks } = runNestAdd(before);
      expect([warnings, tasks]).toEqual([[expect.stringContaining('There is no package.json here.')], []]);
    }
  });

  it('says so if TypeORM is missing', () => {
    expect(run('{}').warnings).toEqual([expect.stringContaining('has no @nestjs/typeorm')]);
  });
});

it('is what collection.json names, and package.json names collection.json', () => {
  const read = (path: string) => JSON.parse(readFileSync(join(PROJECT, path), 'utf8')) as unknown;
  expect(read('package.json')).toMatchObject({ schematics: './schematics/collection.json' });
  expect(read('schematics/collection.json')).toMatchObject({
    schematics: {
      'nest-add': { factory: './nest-add/nest-add.cjs#nestAdd', schema: './nest-add/schema.json' },
    },
  });
});
