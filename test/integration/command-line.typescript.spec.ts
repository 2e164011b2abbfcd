import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { command, fault } from '../support/command';
import { Project } from '../support/project';

let project: Project;

beforeEach(() => {
  project = new Project();
});
afterEach(() => project.remove());

describe('a TypeScript file', () => {
  /** Stands for a package that loads TypeScript: it takes the file for JavaScript, and says who it is. */
  const FILES: Readonly<Record<string, string>> = {
    '@swc-node/register': 'index.js',
    'ts-node': 'register/transpile-only.js',
    tsx: 'cjs.js',
  };
  const names = Object.keys(FILES);
  const loaded: string[] = [];
  const extensions = createRequire(__filename).extensions as Record<string, unknown>;
  const { '.ts': original } = extensions;

  function write(...installed: string[]): string {
    Object.assign(globalThis, { loaded });
    loaded.length = 0;
    for (const name of installed) {
      const folder = `app/node_modules/${name}`;
      const entry = { '.': './index.js', [`./${FILES[name]?.replace('.js', '')}`]: `./${FILES[name]}` };
      project.write(`${folder}/package.json`, JSON.stringify({ name, version: '1.0.0', exports: entry }));
      project.write(`${folder}/index.js`);
      project.write(
        `${folder}/${FILES[name]}`,
        `globalThis.loaded.push('${name}');`,
        "require.extensions['.ts'] = (module, file) => module._compile(require('node:fs').readFileSync(file, 'utf8'), file);",
      );
    }
    return project.dataSource('app/data-source.ts');
  }
  const { execArgv } = process;
  beforeEach(() => {
    // Vitest's own --require would stand for a loader.
    process.execArgv = [];
  });
  afterEach(() => {
    process.execArgv = execArgv;
    extensions['.ts'] = original;
    if (original === undefined) delete extensions['.ts'];
    delete process.env['TS_NODE_PROJECT'];
  });

  it.each(names)('is loaded by %s if it is all that is installed', async (name) => {
    expect(await command(['check', '-d', write(name)])).toMatchObject({ code: 1 });
    expect(loaded).toEqual([name]);
  });

  it('is loaded by the first of several, and by its own tsconfig.json', async () => {
    const file = write(...names);
    const configuration = project.write('app/tsconfig.json', '{}');
    expect(await command(['check', '-d', file])).toMatchObject({ code: 1 });
    expect(loaded).toEqual([names[0]]);
    expect(process.env['TS_NODE_PROJECT']).toBe(configuration);
  });

  it('is left to the loader that --require names', async () => {
    const file = write(...names);
    const own = project.path(`app/node_modules/tsx/${FILES['tsx']}`);
    expect(await command(['check', '-d', file, '-r', own])).toMatchObject({ code: 1 });
    expect(loaded).toEqual(['tsx']);
  });

  it('is loaded by what is installed, whatever else is loaded first', async () => {
    process.execArgv = ['--require', 'dd-trace/init'];
    const file = write('ts-node');
    expect(await command(['check', '-d', file, '-r', 'reflect-metadata'])).toMatchObject({ code: 1 });
    expect(loaded).toEqual(['ts-node']);
  });

  it('is left to a loader of another name', async () => {
    const file = write();
    extensions['.ts'] = (module: { _compile(code: string, file: string): void }, name: string) =>
      module._compile(readFileSync(name, 'utf8'), name);
    expect(await command(['check', '-d', file, '-r', 'reflect-metadata'])).toMatchObject({ code: 1 });
  });

  it('cannot be loaded without', async () => {
    const file = write();
    expect(await fault('-d', file)).toBe(
      `${file} is TypeScript, and no loader for it is installed. Install @swc-node/register ` +
        '(npm install --save-dev @swc-node/register @swc/core), or pass another with --import or --require.',
    );
  });
});
