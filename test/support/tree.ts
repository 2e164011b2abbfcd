import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PROJECT } from './documents';

/** What the schematic uses of @angular-devkit/schematics's Tree. */
export interface Tree {
  exists(path: string): boolean;
  read(path: string): Buffer | null;
  overwrite(path: string, content: string): void;
  getDir(path: string): { visit(visitor: (path: string) => void): void };
}

/** What the schematic does, as Nest's command line would show and run it. */
export interface Outcome {
  readonly files: Readonly<Record<string, string>>;
  readonly info: readonly string[];
  readonly warnings: readonly string[];
  readonly tasks: readonly unknown[];
}

interface Context {
  readonly logger: { info(message: string): void; warn(message: string): void };
  addTask(generator: { toConfiguration(): unknown }): void;
}

type Rule = (tree: Tree, context: Context) => Tree;

const load = createRequire(__filename);
const { nestAdd } = load(join(PROJECT, 'schematics/nest-add/nest-add.cjs')) as {
  nestAdd: (options: object) => Rule;
};

/** A Tree of files in memory. As the real one, it refuses to overwrite a file that is not there. */
function treeOf(files: Map<string, Buffer>): Tree {
  return {
    exists: (path) => files.has(path),
    read: (path) => files.get(path.replace(/^\//, '')) ?? null,
    overwrite(path, content) {
      if (!files.has(path)) throw new Error(`Path "${path}" does not exist.`);
      files.set(path, Buffer.from(content));
    },
    getDir: (folder) => ({
      visit(visitor) {
        for (const path of [...files.keys()].filter((each) => each.startsWith(`${folder}/`)))
          visitor(`/${path}`);
      },
    }),
  };
}

/** Runs the schematic on some files. */
export function runNestAdd(before: Readonly<Record<string, string | Buffer>>, options: object = {}): Outcome {
  const files = new Map(Object.entries(before).map(([path, content]) => [path, Buffer.from(content)]));
  const info: string[] = [];
  const warnings: string[] = [];
  const tasks: unknown[] = [];
  nestAdd(options)(treeOf(files), {
    logger: { info: (message) => info.push(message), warn: (message) => warnings.push(message) },
    addTask: (generator) => tasks.push(generator.toConfiguration()),
  });
  const after = Array.from(files, ([path, content]) => [path, content.toString('utf8')] as const);
  return { files: Object.fromEntries(after), info, warnings, tasks };
}
