import { join } from 'node:path';
import ts from 'typescript';

const PROJECT = join(__dirname, '../..');

/** A manifest, or a part of one. */
export interface Manifest {
  readonly name: string;
  readonly content: object;
}

/** Parts of manifests as pages show them: their type, by a field that tells it. */
const PARTS = {
  initContainers: "Partial<import('kubernetes-types/core/v1').PodSpec>",
  containers: "Partial<import('kubernetes-types/core/v1').PodSpec>",
  env: "Partial<import('kubernetes-types/core/v1').Container>",
  metadata: "Partial<import('kubernetes-types/batch/v1').Job>",
};

const OPTIONS: ts.CompilerOptions = {
  strict: true,
  noEmit: true,
  types: [],
  skipLibCheck: true,
  module: ts.ModuleKind.Node16,
  moduleResolution: ts.ModuleResolutionKind.Node16,
};

/**
 * What Kubernetes would refuse of each manifest: fields that it does not know, that are missing, or that have
 * another type. kubernetes-types is generated from the API's schema, and TypeScript refuses fields of a literal that
 * its type does not have.
 */
export function kubernetesErrors(manifests: readonly Manifest[]): Map<string, string[]> {
  const sources = new Map(
    manifests.map(({ content }, index) => [join(PROJECT, `manifest-${index}.ts`), sourceOf(content)]),
  );
  const program = ts.createProgram([...sources.keys()], OPTIONS, hostWith(sources));
  return new Map(
    manifests.map(({ name }, index) => {
      const file = program.getSourceFile(join(PROJECT, `manifest-${index}.ts`));
      const errors = ts.getPreEmitDiagnostics(program, file);
      return [name, errors.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))];
    }),
  );
}

function sourceOf(content: object): string {
  return `export default ${JSON.stringify(content)} satisfies ${typeOf(content)};`;
}

function typeOf(content: { apiVersion?: string; kind?: string }): string {
  const { apiVersion, kind } = content;
  if (apiVersion === undefined || kind === undefined) {
    const part = Object.entries(PARTS).find(([field]) => field in content);
    if (part === undefined) throw new Error(`No manifest: ${Object.keys(content).join(', ')}`);
    return part[1];
  }
  const [version, group = 'core'] = apiVersion.split('/').reverse();
  return `import('kubernetes-types/${group.split('.')[0]}/${version}').${kind}`;
}

function hostWith(sources: ReadonlyMap<string, string>): ts.CompilerHost {
  const host = ts.createCompilerHost(OPTIONS);
  const { getSourceFile, fileExists } = host;
  return {
    ...host,
    fileExists: (name) => sources.has(name) || fileExists.call(host, name),
    getSourceFile: (name, target, ...rest) => {
      const source = sources.get(name);
      return source === undefined
        ? getSourceFile.call(host, name, target, ...rest)
        : ts.createSourceFile(name, source, target);
    },
  };
}
