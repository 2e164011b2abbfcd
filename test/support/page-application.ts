import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ts from 'typescript';

/** An application made of what a page shows, as a process of its own. */
export interface PageApplication {
  /** Its URL, once it listens. */
  readonly url: Promise<string>;
  readonly exit: Promise<number | null>;
  output(): string;
  stop(): Promise<void>;
}

const MAIN = `
require('reflect-metadata');
const { NestFactory } = require('@nestjs/core');
const { AppModule } = require('./app.module');
NestFactory.create(AppModule)
  .then(async (app) => { await app.listen(0, '127.0.0.1'); return app.getUrl(); })
  .then((url) => console.log('LISTENS ' + url));
`;

/** The migrations that the output of the pages names. */
const MIGRATIONS: Readonly<Record<string, string>> = {
  CreateOrders1767225600000: 'CREATE TABLE orders (id integer PRIMARY KEY)',
  AddOrderQuantity1767312000000: 'ALTER TABLE orders ADD quantity integer',
};

/** Writes modules of a page, as `{ 'app.module': code }`, a `main` unless the page has one, and the migrations into the `dist` of a folder. */
export function writeApplication(folder: string, modules: Readonly<Record<string, string>>): void {
  mkdirSync(join(folder, 'dist/migrations'), { recursive: true });
  writeFileSync(join(folder, 'dist/main.js'), MAIN);
  for (const [name, code] of Object.entries(modules)) {
    const { outputText } = ts.transpileModule(code, {
      compilerOptions: {
        module: ts.ModuleKind.CommonJS,
        target: ts.ScriptTarget.ES2022,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
      },
    });
    writeFileSync(join(folder, `dist/${name}.js`), outputText);
  }
  for (const [name, statement] of Object.entries(MIGRATIONS)) {
    const up = `up(runner) { return runner.query('${statement}'); }`;
    const code = `exports.${name} = class ${name} { ${up} async down() {} };`;
    writeFileSync(join(folder, `dist/migrations/${name}.js`), code);
  }
}

export function startPageApplication(folder: string, environment: NodeJS.ProcessEnv): PageApplication {
  const child: ChildProcess = spawn(process.execPath, ['dist/main.js'], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  const url = new Promise<string>((resolve, reject) => {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const found = /LISTENS (\S+)/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    });
    void exit.then((code) => reject(new Error(`It ended with ${code}:\n${output}`)));
  });
  // Some are expected to end.
  url.catch(() => {});
  return {
    url,
    exit,
    output: () => output,
    stop: async () => {
      child.kill();
      await exit;
    },
  };
}
